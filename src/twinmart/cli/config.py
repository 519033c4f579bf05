"""Commands for configuration objects and options."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, table
from twinmart.cli.writing import stores
from twinmart.config import check as checking
from twinmart.config import document, rules
from twinmart.config.kinds import Object
from twinmart.config.options import DECLARED, Options
from twinmart.config.store import Change, Store, difference
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.jobs.look import check_schedule

Kind = Annotated[str, typer.Argument(metavar="KIND", help="Kind of object, such as application.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the object.")]
Other = Annotated[str, typer.Argument(metavar="KIND/NAME", help="The object that it is a client of.")]
Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Reason, kept in the history.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]

T = TypeVar("T")

_ASSIGNMENT = re.compile(r"(?P<key>[^=]+)=(?P<value>.*)", re.DOTALL)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    config = typer.Typer(help="What is configured: objects, their options, and who changed them.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        config.command(name)(command)
    app.add_typer(config, name="config")


def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only objects of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the objects.

    Example: twinmart config list application
    """
    found = _read(ctx, lambda store: store.all(rules.known_kind(kind) if kind else None))
    if as_json:
        answer_json(objects=[_data(one) for one in found])
        return
    rows = [(one.kind, one.name, _state(one), one.revision, len(one.options) or "") for one in found]
    answer(table(("kind", "name", "is", "revision", "options"), rows) if rows else "there is none")


def show(
    ctx: typer.Context,
    kind: Kind,
    name: Name,
    all_options: Annotated[
        bool, typer.Option("--all", help="Every option of an application, those at their default too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show an object: its properties, connections and options.

    Example: twinmart config show application mart
    """
    one = _read(ctx, lambda store: store.get(kind, name))
    if as_json:
        answer_json(**_data(one))
        return
    answer(
        f'{one.kind} "{one.name}"  {_state(one)}, revision {one.revision}, changed {one.changed_at:%-d %b %Y %H:%M} UTC'
    )
    rows = [(key, _plain(json.dumps(value, ensure_ascii=False))) for key, value in one.properties.items()]
    rows += [("connected to", f"{to_kind}/{to_name}") for to_kind, to_name in sorted(one.connections)]
    rows += [(f"[{section}] {option}", value) for (section, option), value in sorted(one.options.items())]
    if all_options:
        rows += [
            (f"[{known.section}] {known.name}", f"{known.default or 'none'} (default)")
            for known in DECLARED
            if (known.section, known.name) not in one.options
        ]
    answer(table(("", ""), rows).partition("\n")[2])


def set_(
    ctx: typer.Context,
    kind: Kind,
    name: Name,
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROPERTY=VALUE | SECTION/OPTION=VALUE]...", help="What it shall be like; VALUE may be JSON."
        ),
    ] = None,
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Make an object, or change properties and options of one; all of what is told, or nothing.

    Example: twinmart config set application mart schedule/run-scheduler=true --why "go live"
    """
    properties: dict[str, Any] = {}
    options: dict[tuple[str, str], str] = {}
    for text in assignments or ():
        read = _ASSIGNMENT.fullmatch(text)
        if read is None:
            raise errors.UsageError(
                f'"{text}" sets nothing', hint="Write PROPERTY=VALUE or SECTION/OPTION=VALUE. Nothing was changed."
            )
        section, slash, option = read["key"].partition("/")
        if slash:
            options[section, option] = read["value"]
        else:
            properties[section] = _value(read["value"])
    _write(ctx, why, as_json, lambda store: store.put(kind, name, properties, options=options))


def unset(
    ctx: typer.Context,
    kind: Kind,
    name: Name,
    keys: Annotated[list[str], typer.Argument(metavar="PROPERTY|SECTION/OPTION...", help="What shall be taken away.")],
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Take properties or options away from an object, so that what is less specific holds, or the default.

    Example: twinmart config unset queue london/sales gim-etl/q-answer-threshold
    """

    def act(store: Store) -> None:
        for key in keys:
            section, slash, option = key.partition("/")
            if slash:
                store.unset_option(kind, name, section, option)
            else:
                store.get(kind, name)
                store.put(kind, name, {key: None})

    _write(ctx, why, as_json, act)


def enable(ctx: typer.Context, kind: Kind, name: Name, why: Why = None, as_json: AsJson = False) -> None:
    """Let an object count again.

    Example: twinmart config enable collector london_b
    """
    _write(ctx, why, as_json, lambda store: store.enable(kind, name))


def disable(ctx: typer.Context, kind: Kind, name: Name, why: Why = None, as_json: AsJson = False) -> None:
    """Let an object be as if it were not there; nothing of it is lost.

    Example: twinmart config disable collector london_a --why "site 1 is lost"
    """
    _write(ctx, why, as_json, lambda store: store.disable(kind, name))


def connect(ctx: typer.Context, kind: Kind, name: Name, other: Other, why: Why = None, as_json: AsJson = False) -> None:
    """Make an application a client of another object.

    Example: twinmart config connect application mart collector/london_a
    """
    _write(ctx, why, as_json, lambda store: store.connect(kind, name, *_pair(other)))


def disconnect(
    ctx: typer.Context, kind: Kind, name: Name, other: Other, why: Why = None, as_json: AsJson = False
) -> None:
    """Undo a connection.

    Example: twinmart config disconnect application mart collector/london_a
    """
    _write(ctx, why, as_json, lambda store: store.disconnect(kind, name, *_pair(other)))


def history(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only objects of this kind.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this object.")] = None,
    most: Annotated[int, typer.Option("--last", min=1, help="At most so many changes.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Say who changed what, when and why, the newest first.

    Example: twinmart config history application mart
    """
    known = rules.known_kind(kind) if kind else None
    found = _read(ctx, lambda store: store.history(known, name, most=most))
    if as_json:
        answer_json(changes=[{field: getattr(one, field) for field in one.__dataclass_fields__} for one in found])
        return
    rows = [
        (
            f"{one.at:%-d %b %Y %H:%M:%S}",
            one.author,
            f"{one.kind} {one.object}",
            one.revision,
            _change(Change(one.aspect, one.section, one.name, one.old, one.new)),
            one.reason or "",
        )
        for one in found
    ]
    answer(table(("when, UTC", "who", "object", "revision", "change", "why"), rows) if rows else "there is none")


def diff(
    ctx: typer.Context,
    kind: Kind,
    name: Name,
    revision: Annotated[int, typer.Argument(metavar="REVISION", help="The earlier revision.")],
    to: Annotated[int | None, typer.Option("--to", metavar="REVISION", help="The later one; else the present.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two revisions of an object.

    Example: twinmart config diff application mart 3
    """

    def compare(store: Store) -> list[Change]:
        later = store.get(kind, name) if to is None else store.as_of(kind, name, to)
        return difference(store.as_of(kind, name, revision), later)

    found = _read(ctx, compare)
    if as_json:
        answer_json(changes=[one._asdict() for one in found])
        return
    answer("\n".join(_change(one) for one in found) or "nothing differs")


def restore(
    ctx: typer.Context,
    kind: Kind,
    name: Name,
    revision: Annotated[int, typer.Argument(metavar="REVISION", help="Revision to go back to.")],
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Bring an object back to what it was at a revision; that is a new revision.

    Example: twinmart config restore application mart 3
    """
    _write(ctx, why or f"restored revision {revision}", as_json, lambda store: store.restore(kind, name, revision))


def check(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say whether the configuration fits together, and how each fault is mended. Exit code 3 if there is one.

    Example: twinmart config check
    """
    found = _read(ctx, _faults)
    if as_json:
        answer_json(ok=not found, faults=[{"about": f.about, "fault": f.message, "mend": f.mend} for f in found])
    elif not found:
        answer("ok   the configuration fits together")
    for one in () if as_json else found:
        answer(f"{one.about}: {one.message}\n  mend   {one.mend}")
    if found:
        raise typer.Exit(errors.NotReady.exit_code)


def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Document, as config export writes one.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Objects of the document lose what it does not tell of them.")
    ] = False,
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Bring the configuration to what a document says; all of it, or nothing.

    Example: twinmart config apply site.toml --dry-run
    """
    told = document.read(file)
    reason = why or f"applied {file.name}"
    _write(ctx, reason, as_json, lambda store: document.apply(store, told, whole=whole), dry_run=dry_run)


def export(
    ctx: typer.Context,
    discovered: Annotated[
        bool, typer.Option("--discovered", help="Also objects that were only seen in events.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the configuration as one document. It holds no secrets, only where they are found.

    Example: twinmart config export > site.toml
    """
    found = _read(ctx, lambda store: store.all())
    if as_json:
        answer_json(objects=[_data(one) for one in found if discovered or not one.discovered])
        return
    answer(document.export(found, discovered=discovered).rstrip())


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_, "show": show, "set": set_, "unset": unset, "enable": enable, "disable": disable, "connect": connect,
    "disconnect": disconnect, "history": history, "diff": diff, "restore": restore, "check": check, "apply": apply,
    "export": export,
}  # fmt: skip


def _read(ctx: typer.Context, act: Callable[[Store], T]) -> T:
    """Do something with the configuration of the active site that changes nothing."""
    dsns = {site.number: site.dsn() for site in home_of(ctx).require_sites()}
    with session(dsns[active_site(dsns)], application_name="twinmart config") as mart:
        return act(Store(mart, author="reader"))


def _write(
    ctx: typer.Context, why: str | None, as_json: bool, act: Callable[[Store], object], *, dry_run: bool = False
) -> None:
    """Change the configuration at every mart that must hold it, see that it still fits, and say what changed."""
    with stores(home_of(ctx), reason=why) as marts:
        for store in marts:
            before = _faults(store)
            act(store)
            checking.refuse_new(before, _faults(store))
        if dry_run:
            for store in marts:
                store.connection.rollback()
        first = marts[0]
    if as_json:
        changes = [
            {"kind": one.kind, "name": one.name, "revision": one.revision, "changes": [c._asdict() for c in found]}
            for one, found in first.written
        ]
        answer_json(dry_run=dry_run, objects=changes, notes=first.notes)
        return
    for one, found in first.written:
        verb = ("would make" if dry_run else "made") if one.revision == 1 else "would change" if dry_run else "changed"
        answer(f'{verb} {one.kind} "{one.name}", revision {one.revision}')
        shown = [change for change in found if one.revision > 1 or change.aspect != "state"]
        answer("\n".join(f"  {_change(change)}" for change in shown))
    for note in first.notes:
        answer(f"note   {note}")
    if not first.written:
        answer("nothing changes: it is so already")


def _faults(store: Store) -> list[checking.Fault]:
    """Return the faults of the configuration, among them what the scheduler would refuse."""
    found = checking.faults(store)
    mart = store.find("application", "mart")
    error = check_schedule(Options({("", ""): mart.options})) if mart is not None else None
    if error is not None:
        told = f"{error.message}: {error.detail}" if error.detail else error.message
        found.append(checking.Fault('application "mart"', told, error.hint or "See: twinmart config show."))
    return found


def _data(one: Object) -> dict[str, object]:
    sections: dict[str, dict[str, str]] = {}
    for (section, option), value in sorted(one.options.items()):
        sections.setdefault(section, {})[option] = value
    return {
        "kind": one.kind,
        "name": one.name,
        "enabled": one.enabled,
        "discovered": one.discovered,
        "revision": one.revision,
        "properties": one.properties,
        "options": sections,
        "connections": sorted(f"{kind}/{name}" for kind, name in one.connections),
        "changed_at": one.changed_at,
    }


def _state(one: Object) -> str:
    return ("enabled" if one.enabled else "disabled") + (", discovered" if one.discovered else "")


def _change(change: Change) -> str:
    what = f"[{change.section}] {change.name}" if change.aspect == "option" else change.name
    if change.aspect == "connection":
        return f"{'connected to' if change.new else 'disconnected from'} {what}"
    return f"{what}  {_plain(change.old)} → {_plain(change.new)}"


def _plain(text: str | None) -> str:
    """Return a value as people read it: JSON texts without quotes, and a dash where there is none."""
    if text is None:
        return "—"
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _value(text: str) -> object:
    """Return what an assignment says: JSON where it looks like a list or table, else the text itself."""
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise errors.UsageError(f'"{text}" is no JSON', detail=str(error), hint="Nothing was changed.") from None
    return text


def _pair(label: str) -> tuple[str, str]:
    kind, slash, name = label.partition("/")
    if not slash:
        raise errors.UsageError(
            f'"{label}" names no object', hint="Write KIND/NAME, such as collector/london_a. Nothing was changed."
        )
    return kind, name
