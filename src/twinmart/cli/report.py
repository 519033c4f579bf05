"""Commands for reports: list, show, ask, save, schedule. ``twinmart report NAME`` asks the report of that name."""

import getpass
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import IO, Annotated, Any

import typer
from typer.core import TyperGroup

from twinmart.cli.context import answer as say
from twinmart.cli.context import answer_json, home_of, table, tell
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.errors import MartError, OutOfResources, WrongQuestion
from twinmart.report.answer import ask, statement
from twinmart.report.catalogue import REPORTS, Report, report_named
from twinmart.report.formats import FORMATS, write, write_file, writer_named
from twinmart.report.question import DEFAULT_ZONE, Question
from twinmart.report.saved import (
    Schedule,
    forget,
    names,
    put_schedule,
    save,
    saved_report,
    saved_reports,
    schedules,
)
from twinmart.report.scheduled import run_due


class _ReportGroup(TyperGroup):
    """Takes a name that is no command of the group for a report to run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


_Name = Annotated[str, typer.Argument(metavar="NAME", help="Report, or saved report; see: twinmart report list.")]
_From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="Begin, in the zone: 2026-11-22 or with T09:30.")
]
_To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="End, not counted in; without it now.")]
_Preset = Annotated[
    str | None, typer.Option(metavar="WORD", help="today, last-week, last-30-days ...; before --from, --to.")
]
_Zone = Annotated[str | None, typer.Option(metavar="ZONE", help="IANA zone of days and times; UTC unless given.")]
_By = Annotated[list[str] | None, typer.Option(metavar="WHAT", help="A step of time and columns to group by.")]
_FromHour = Annotated[int | None, typer.Option(min=0, max=24, help="First hour of each day.")]
_ToHour = Annotated[
    int | None, typer.Option(min=0, max=24, help="Last hour of each day, counted in; 23 and 24 are the last.")
]
_Queue = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these queues.")]
_Agent = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these agents, by name or login.")]
_Group = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only agents of these groups.")]
_Source = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these sources.")]
_Site = Annotated[list[int] | None, typer.Option(min=1, help="Only sources of these sites.")]
_Tenant = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these tenants.")]
_Segment = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these segments of customers.")]
_Service = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these types of service.")]
_Subtype = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these kinds of a service.")]
_Result = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these results for the business.")]
_Interaction = Annotated[str | None, typer.Option(metavar="ID", help="Only this interaction.")]
_ServiceLevel = Annotated[int | None, typer.Option(min=1, max=9, help="Formula of the service level, for all queues.")]
_At = Annotated[int | None, typer.Option("--at-site", min=1, help="Site that answers; else the active one.")]
_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        cls=_ReportGroup,
        help="Reports: the figures people read. Asks one with: twinmart report NAME.",
        no_args_is_help=True,
    )
    group.command("list")(list_reports)
    group.command("show")(show_report)
    group.command("run")(run_report)
    group.command("save")(save_report)
    group.command("saved")(list_saved)
    group.command("forget")(forget_report)
    group.command("schedule")(schedule_report)
    group.command("due")(run_due_reports)
    app.add_typer(group, name="report")


def list_reports(as_json: _Json = False) -> None:
    """List all reports, with what each is for.

    Example: twinmart report list
    """
    if as_json:
        answer_json(reports=[_described(report) for report in REPORTS.values()])
        return
    say(table(("report", "what it is for"), [(report.name, report.words) for report in REPORTS.values()]))


def show_report(name: _Name, as_json: _Json = False) -> None:
    """Show a report: its columns with their definitions, how it is grouped and filtered, and its SQL.

    Example: twinmart report show queue-summary
    """
    report = report_named(name)
    if as_json:
        answer_json(**_described(report), sql=statement(report, "subhr"))
        return
    say(f"{report.title}: {report.words}\n")
    rows = [
        (column.name, column.title, column.unit, column.measure.words if column.measure else "")
        for column in report.columns
    ]
    say(table(("column", "title", "unit", "meaning"), rows))
    if report.by:
        say(
            f"\n  grouped by {', '.join(report.by)};"
            f" --by takes a step of time and any of {', '.join(report.dimensions)}"
        )
    say(f"  filters: {', '.join(report.filters)}")
    if report.drill:
        say(f"  go on with: {', '.join(report.drill)}")
    say(f"\n{statement(report, 'subhr')}")


def run_report(
    ctx: typer.Context, name: _Name, from_: _From = None, to: _To = None, preset: _Preset = None, zone: _Zone = None,
    by: _By = None, from_hour: _FromHour = None, to_hour: _ToHour = None, queue: _Queue = None, agent: _Agent = None,
    group: _Group = None, source: _Source = None, site: _Site = None, tenant: _Tenant = None,
    customer_segment: _Segment = None, service_type: _Service = None, service_subtype: _Subtype = None,
    business_result: _Result = None, interaction: _Interaction = None, service_level: _ServiceLevel = None,
    format_: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FORMAT", help="table, csv, xlsx, json, html or parquet.")
    ] = None,
    to_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Write this file, whole or not at all.")] = None,
    at_site: _At = None, as_json: _Json = False,
) -> None:  # fmt: skip
    """Ask a report. Options go before what a saved report has. A gap in the data is a dash, never a zero.

    Example: twinmart report queue-summary --preset last-week --zone Europe/London -o csv
    """
    home = home_of(ctx)
    chosen = format_ or ("json" if as_json else (to_file.suffix[1:].lower() if to_file and to_file.suffix else "table"))
    writer_named(chosen)
    number, dsn = _place(home, at_site)
    question = _question(
        _kept(dsn, name), from_=from_, to=to, preset=preset, zone=zone, by=by, from_hour=from_hour, to_hour=to_hour,
        queue=names(queue), agent=names(agent), group=names(group), source=names(source), site=tuple(site or ()),
        tenant=names(tenant), customer_segment=names(customer_segment), service_type=names(service_type),
        service_subtype=names(service_subtype), business_result=names(business_result), interaction=interaction,
        service_level=service_level,
    )  # fmt: skip
    with ask(dsn, question, site=number) as answer:
        if to_file is not None:
            _into_file(answer, chosen, to_file)
        else:
            _to_stdout(answer, chosen)


def save_report(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="AS", help="Name to save it under.")],
    report: Annotated[str, typer.Argument(metavar="REPORT", help="Report; see: twinmart report list.")],
    from_: _From = None, to: _To = None, preset: _Preset = None, zone: _Zone = None,
    by: _By = None, from_hour: _FromHour = None, to_hour: _ToHour = None, queue: _Queue = None, agent: _Agent = None,
    group: _Group = None, source: _Source = None, site: _Site = None, tenant: _Tenant = None,
    customer_segment: _Segment = None, service_type: _Service = None, service_subtype: _Subtype = None,
    business_result: _Result = None, interaction: _Interaction = None, service_level: _ServiceLevel = None,
    as_json: _Json = False,
) -> None:  # fmt: skip
    """Keep a report with its period, grouping and filters under a name; ask it with: twinmart report NAME.

    Example: twinmart report save morning queue-summary --preset yesterday --zone Europe/London --queue sales
    """
    report_named(report)
    question = _question(
        Question(report), from_=from_, to=to, preset=preset, zone=zone, by=by, from_hour=from_hour, to_hour=to_hour,
        queue=names(queue), agent=names(agent), group=names(group), source=names(source), site=tuple(site or ()),
        tenant=names(tenant), customer_segment=names(customer_segment), service_type=names(service_type),
        service_subtype=names(service_subtype), business_result=names(business_result), interaction=interaction,
        service_level=service_level,
    )  # fmt: skip
    with _active(ctx) as mart:
        kept = save(mart, name, question, author=_who())
    if as_json:
        answer_json(**asdict(kept))
    else:
        say(f'saved as "{name}"; ask it with: twinmart report {name}')


def list_saved(ctx: typer.Context, as_json: _Json = False) -> None:
    """List saved reports and when they are made by themselves.

    Example: twinmart report saved
    """
    with _active(ctx) as mart:
        kept, planned = saved_reports(mart), schedules(mart)
        made = mart.execute(
            "SELECT DISTINCT ON (schedule) schedule, due_at, state, target, message FROM ctl.report_delivery"
            " ORDER BY schedule, due_at DESC"
        ).fetchall()
    if as_json:
        keys = ("schedule", "due_at", "state", "target", "message")
        answer_json(
            saved=[asdict(one) for one in kept],
            schedules=[asdict(one) for one in planned],
            deliveries=[dict(zip(keys, row, strict=True)) for row in made],
        )
        return
    if not kept:
        say("no report is saved; save one with: twinmart report save AS REPORT")
        return
    last = {row[0]: f"{row[2]} {row[1]:%Y-%m-%d %H:%M} UTC" for row in made}
    when = {one.saved_report: f"{one.at_time} {one.zone}, last {last.get(one.name, 'never')}" for one in planned}
    rows = [
        (one.name, one.report, json.dumps(one.question, ensure_ascii=False), when.get(one.name, "—")) for one in kept
    ]
    say(table(("name", "report", "question", "made at"), rows))


def forget_report(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Saved report.")],
    as_json: _Json = False,
) -> None:
    """Forget a saved report and its schedule; files that were delivered stay.

    Example: twinmart report forget morning
    """
    with _active(ctx) as mart:
        forget(mart, name)
    if as_json:
        answer_json(forgotten=name)
    else:
        say(f'forgot "{name}"')


def schedule_report(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Saved report.")],
    at_time: Annotated[str, typer.Option("--at", metavar="'MIN HOUR'", help='Two fields of cron: "30 6", "0 8-18".')],
    zone: Annotated[str, typer.Option(metavar="ZONE", help="IANA zone of minute and hour.")] = DEFAULT_ZONE,
    format_: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="csv, xlsx, json, html or parquet.")
    ] = "xlsx",
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write into this folder of the active site.")
    ] = None,
    mail_to: Annotated[list[str] | None, typer.Option(metavar="ADDRESS", help="Send it there.")] = None,
    mail_from: Annotated[str, typer.Option(metavar="ADDRESS", help="Sender.")] = "twinmart@localhost",
    smtp: Annotated[str, typer.Option(metavar="HOST:PORT", help="Mail server.")] = "localhost:25",
    security: Annotated[str, typer.Option(metavar="KIND", help="starttls, tls or none.")] = "starttls",
    user: Annotated[str | None, typer.Option(metavar="NAME", help="User at the mail server.")] = None,
    secret: Annotated[
        str | None, typer.Option(metavar="REF", help="Where its password is: env:NAME or file:/path.")
    ] = None,
    enabled: Annotated[bool, typer.Option("--enable/--disable", help="Whether it is made.")] = True,
    as_json: _Json = False,
) -> None:
    """Let a saved report be made by itself, into a folder or by mail.

    Example: twinmart report schedule morning --at "30 6" --zone Europe/London --mail-to boss@example.com
    """
    if (folder is None) == (not mail_to):
        raise WrongQuestion("a report goes into a folder or by mail", hint="Give either --folder or --mail-to.")
    if format_ not in FORMATS or format_ == "table":
        raise WrongQuestion(
            f'a scheduled report has no format "{format_}"', hint="Choose csv, xlsx, json, html or parquet."
        )
    if security not in {"starttls", "tls", "none"}:
        raise WrongQuestion(f'there is no security "{security}"', hint="Choose starttls, tls or none.")
    host, _, port = smtp.rpartition(":")
    mail = {"host": host or port, "port": int(port) if host and port.isdigit() else 25, "security": security}
    mail |= {"to": list(names(mail_to)), "from": mail_from, "user": user, "secret": secret}
    where = None if folder is None else str(folder.absolute())
    planned = Schedule(name, name, at_time, zone, format_, where, None if folder else mail, enabled, datetime.now(UTC))
    with _active(ctx) as mart:
        put_schedule(mart, planned)
    if as_json:
        answer_json(**asdict(planned))
    else:
        say(f'"{name}" is made at "{at_time}", {zone}, and goes to {where or ", ".join(names(mail_to))}')


def run_due_reports(ctx: typer.Context, as_json: _Json = False) -> None:
    """Make and deliver the scheduled reports that are due now; the mart server does so by itself.

    Example: twinmart report due
    """
    home = home_of(ctx)
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    counts = run_due(active_site(dsns), dsns, stop=Event(), tell=tell)
    if as_json:
        answer_json(**counts)
    else:
        say(f"{counts['done']} delivered, {counts['failed']} failed, {counts['unknown']} not known")


def _described(report: Report) -> dict[str, object]:
    return {
        "name": report.name,
        "title": report.title,
        "words": report.words,
        "by": list(report.by),
        "dimensions": list(report.dimensions),
        "filters": list(report.filters),
        "drill": list(report.drill),
        "columns": [
            {
                "name": one.name,
                "title": one.title,
                "unit": one.unit,
                "formula": one.measure.formula if one.measure else None,
            }
            for one in report.columns
        ],
    }


def _question(kept: Question, **given: Any) -> Question:
    """Return a kept question with what was given on the command line in place of what it has."""
    given["by"] = None if given["by"] is None else names(given["by"])
    changed = {key: value for key, value in given.items() if value not in (None, ())}
    if given["preset"] is None and (given["from_"] or given["to"]):
        changed["preset"] = None
    return Question.from_json(kept.report, kept.to_json() | changed)


def _kept(dsn: str, name: str) -> Question:
    """Return the question of a saved report, or an empty one of a report.

    Raises:
        UnknownReport: there is neither; the names of reports are looked at.
    """
    try:
        return Question(report_named(name).name)
    except MartError as unknown:
        with suppress(MartError), session(dsn, application_name="twinmart report", autocommit=True) as mart:
            return saved_report(mart, name).asked()
        raise unknown from None


def _place(home: Any, site: int | None) -> tuple[int, str]:
    if site is None:
        site = active_site({one.number: one.dsn() for one in home.require_sites()})
    return site, home.site(site).dsn()


def _active(ctx: typer.Context) -> Any:
    home = home_of(ctx)
    _, dsn = _place(home, None)
    return session(dsn, application_name="twinmart report")


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _into_file(answer: Any, format_: str, path: Path) -> None:
    try:
        rows = write_file(answer, format_, path)
    except OSError as error:
        raise OutOfResources(
            f'"{path}" cannot be written',
            detail=f"{error}; a file of that name is as it was",
            hint="Name another with --to-file.",
        ) from None
    tell(f"{rows:,} rows written to {path}")


def _to_stdout(answer: Any, format_: str) -> None:
    """Write to stdout; a reader that has had enough, such as head, ends it without a word."""
    stream: IO[bytes] = sys.stdout.buffer
    if format_ in {"xlsx", "parquet"} and sys.stdout.isatty():
        raise WrongQuestion(f"{format_} is nothing for a terminal", hint=f"Name a file: --to-file report.{format_}.")
    try:
        sys.stdout.flush()
        write(answer, format_, stream)
        stream.flush()
    except BrokenPipeError:
        # What is still in the buffer would raise again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
