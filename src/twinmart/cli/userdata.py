"""The commands for user data: which values of calls are collected, to which columns they go, and what links calls."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from twinmart.cli.context import answer, answer_json, home_of, table
from twinmart.cli.writing import stores
from twinmart.config.attached import Rule, predefined_column
from twinmart.config.topology import active_site
from twinmart.config.userdata import add_key, end_key, mappings
from twinmart.db.connect import session
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import UsageError, WrongSetting
from twinmart.site.home import Home

_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
_Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Reason, kept in the history.")]
_Key = Annotated[str, typer.Argument(metavar="KEY", help="Channel variable, or key of a user event.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Values that calls carry: what is collected and where it goes.")
    group.command("list")(list_keys)
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("redo")(redo)
    app.add_typer(group, name="userdata")


def list_keys(ctx: typer.Context, as_json: _Json = False) -> None:
    """List the keys that are collected, with the columns to which they go.

    Example: twinmart userdata list
    """
    home = home_of(ctx)
    with session(_active_dsn(home), application_name="twinmart userdata") as mart:
        found = mappings(mart)
        dangling = mart.execute("SELECT source, call_id, value, started_at FROM ctl.dangling_link WHERE is_overdue")
        overdue = [dict(zip(("source", "call", "value", "started_at"), row, strict=True)) for row in dangling]
    if as_json:
        answer_json(keys=[asdict(one) for one in found], overdue_links=overdue)
        return
    if not found:
        answer("no key of user data is collected; begin with: twinmart userdata add KEY --to TABLE.COLUMN")
        return
    rows = [
        (
            one.key,
            one.source,
            "ended"
            if not one.is_active
            else "links calls"
            if one.is_link
            else "hidden"
            if one.is_masked
            else "collected",
            f"{one.table}.{one.column}" if one.table else "—",
            one.rule or "—",
            one.default or "—",
        )
        for one in found
    ]
    answer(table(("key", "source", "is", "goes to", "rule", "default"), rows))
    if overdue:
        answer(f"{len(overdue)} calls link to another switch that told nothing of them: --json names them")


def add(
    ctx: typer.Context,
    key: _Key,
    to: Annotated[str | None, typer.Option("--to", metavar="TABLE.COLUMN", help="Column for its value.")] = None,
    rule: Annotated[Rule, typer.Option("--rule", help="Which of several values counts.")] = Rule.CALL,
    default: Annotated[str | None, typer.Option("--default", metavar="TEXT", help="Value where there is none.")] = None,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only of this source; * all.")] = "*",
    is_link: Annotated[bool, typer.Option("--link", help="Calls with equal values are one interaction.")] = False,
    is_masked: Annotated[bool, typer.Option("--mask", help="Hide the value before it is stored.")] = False,
    why: _Why = None,
    as_json: _Json = False,
) -> None:
    """Collect a key from now on, and bring its value to a column. Rows that stand already are not touched.

    Keys that the original knows by name go to their column by themselves: CustomerSegment, ServiceType, ServiceSubType,
    BusinessResult, CUSTOMER_ID, REVENUE, SATISFACTION.

    Example: twinmart userdata add CUSTOMER_ID --to irf_user_data_gen_1.customer_id
    """
    to = to or (None if is_masked else predefined_column(key))
    with stores(home_of(ctx), reason=why) as marts:
        for store in marts:
            add_key(store, key, source=source, masked=is_masked, link=is_link, to=to, rule=rule, default=default)
    if as_json:
        answer_json(key=key, to=to, rule=str(rule) if to else None, source=source, link=is_link, mask=is_masked)
        return
    told = [f"{key} is collected from now on"]
    told += [f"goes to {to}, by the rule {rule}"] if to else []
    told += ["calls with equal values are one interaction"] if is_link else []
    told += ["its values are hidden"] if is_masked else []
    answer("; ".join(told))


def remove(ctx: typer.Context, key: _Key, why: _Why = None, as_json: _Json = False) -> None:
    """Collect a key no longer. Rows that stand keep its values until they are computed anew.

    Example: twinmart userdata remove CUSTOMER_ID
    """
    with stores(home_of(ctx), reason=why) as marts:
        ended = sum(end_key(store, key) for store in marts)
    if not ended:
        raise WrongSetting(
            f'the key "{key}" is not collected', hint="Nothing was changed. List them with: twinmart userdata list"
        )
    if as_json:
        answer_json(key=key, ended=True)
        return
    answer(f"{key} is no longer collected")


def redo(
    ctx: typer.Context,
    start: Annotated[datetime, typer.Option("--from", help="Interactions that began then or later, UTC.")],
    end: Annotated[datetime, typer.Option("--to", help="And earlier than that, UTC.")],
    as_json: _Json = False,
) -> None:
    """Have interactions computed anew by the keys and columns of now; the next load does it.

    Interactions of which events are no longer kept stay as they are.

    Example: twinmart userdata redo --from 2026-11-20 --to 2026-11-21
    """
    if end <= start:
        raise UsageError(
            f"--to {end} is not after --from {start}", hint="Nothing was changed. Give a --to that is later."
        )
    span = {"from_key": _key(start), "to_key": _key(end)}
    with session(_active_dsn(home_of(ctx)), application_name="twinmart userdata") as mart, mart.transaction():
        row = mart.execute(sql_text("extract/redo_user_data"), span).fetchone()
    count = int(row[0]) if row else 0
    if as_json:
        answer_json(calls=count)
        return
    calls = "1 interaction is" if count == 1 else f"{count} interactions are"
    answer(f"{calls} computed anew by the next load: twinmart etl")


def _key(moment: datetime) -> int:
    at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(at.timestamp()) // 900 * 900


def _active_dsn(home: Home) -> str:
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    return dsns[active_site(dsns)]
