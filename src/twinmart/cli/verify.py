"""The command verify: does the standby hold what the active site holds, and do the facts what their events give."""

import sys
from typing import Annotated

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, table
from twinmart.replicate.compare import Comparison
from twinmart.replicate.ends import end_of
from twinmart.watch.verify import Verification, verify

_EXIT = {"right": 0, "different": errors.DataError.exit_code, "unknown": errors.OutcomeUnknown.exit_code}
MOST_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("verify")(verify_sites)


def verify_sites(
    ctx: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Trust nothing kept from before; compute every fact anew.")
    ] = False,
    mend: Annotated[bool, typer.Option("--repair", help="Mend rows of the standby that differ.")] = False,
    sample: Annotated[int, typer.Option(min=0, help="Interactions that are computed anew; --deep takes all.")] = 2000,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Tables that are compared at a time.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Compare the sites, and a sample of the facts with their events.

    Changes nothing but, with --repair, rows of the standby. Exit code 0: right; 7: something differs; 6: it could not
    be told.

    Example: twinmart verify
    """
    ends = {site.number: end_of(site) for site in home_of(ctx).require_sites()}
    is_watched = sys.stderr.isatty() and not as_json
    made = verify(
        ends,
        is_deep=deep,
        is_repairing=mend,
        workers=workers,
        sample=sample,
        tell=_tell if is_watched else lambda _: None,
    )
    if is_watched:
        print(file=sys.stderr)
    if as_json:
        answer_json(**made.to_json())
    else:
        _answer(made)
    raise typer.Exit(_EXIT[made.verdict])


def _say_nothing(found: Comparison) -> None:
    """Tell nobody."""


def _tell(found: Comparison) -> None:
    print(f"\r{found.units:,} spans, {found.rows:,} rows compared", end="", file=sys.stderr, flush=True)


def _answer(made: Verification) -> None:
    if made.comparison is not None:
        _answer_comparison(made, made.comparison)
    elif made.standby is None:
        answer(f"site {made.active} alone, no standby to compare with")
    if made.recomputed is not None:
        one = made.recomputed
        told = f"{one.interactions:,} interactions, {one.agents:,} agents"
        answer(f"  facts against events  {told:<40}  {_differ(one.different)}")
        for name, rows in one.named.items():
            answer(f"    {name}: {rows[0][:160]}")
    if made.aggregates:
        answer(f"  aggregates            {len(made.aggregates):,} rows differ; see: twinmart aggregate audit")
    if made.open_gaps:
        answer(f"  gaps                  {made.open_gaps:,} open, where nothing can be right; see: twinmart status")
    for error in made.unknown:
        answer(f"  unknown: {error.message}")
    spoilt = next((error for error in made.unknown if isinstance(error, errors.DataSpoilt)), None)
    if spoilt is not None:
        answer(f"  {spoilt.detail}")
        answer(f"DIFFERENT   {spoilt.hint}")
        return
    answer(
        {
            "right": "RIGHT   within what is known",
            "different": "DIFFERENT   mend the standby with: twinmart verify --repair",
            "unknown": "UNKNOWN   run it again when both sites answer and nothing holds up the link",
        }[made.verdict]
    )


def _answer_comparison(made: Verification, compared: Comparison) -> None:
    answer(f"site {made.standby} against site {made.active}")
    trusted = f", {compared.trusted} spans as signed before" if compared.trusted else ""
    told = f"{compared.rows:,} rows in {compared.tables} tables{trusted}"
    answer(f"  standby against mart  {told:<40}  {_differ(compared.different)}")
    if made.repaired:
        answer(f"  mended                {made.repaired:,} rows")
    if compared.in_flight:
        answer(f"  in flight             {compared.in_flight:,} rows, changing while they were looked at")
    for name in compared.missing_tables:
        answer(f"  table {name} is not alike at the two sites, or missing; see twinmart replication show")
    if compared.listed:
        shown = [(one.table, one.kind, one.key) for one in compared.listed[:MOST_SHOWN]]
        answer(table(("table", "row is", "key"), shown))
        if len(compared.listed) > MOST_SHOWN:
            answer(f"  and {len(compared.listed) - MOST_SHOWN:,} more, with --json")


def _differ(count: int) -> str:
    return f"{count:,} differ"
