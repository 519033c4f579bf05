"""The configuration as a whole: what does not fit together, and how each fault is mended."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from twinmart.config import rules
from twinmart.config.kinds import KINDS, Object
from twinmart.config.options import Options
from twinmart.config.store import Store
from twinmart.errors import WrongConfiguration

# Least delays of the levels of aggregation, in seconds, when they are delayed at all.
LEAST_DELAY_S = {"day": 3_600, "week": 10_800, "month": 43_200, "quarter": 43_200, "year": 86_400}
_BOUNDS = 19


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not fit. ``blocks``: a change that brings it about is refused; else it is told of only."""

    about: str
    message: str
    mend: str
    blocks: bool = True


def faults(store: Store) -> list[Fault]:
    """Return every fault of the configuration, in a stable order; an empty list says that all fits."""
    objects = {(one.kind, one.name): one for one in store.all()}
    row = store.connection.execute("SELECT active_site FROM cfg.topology").fetchone()
    active = int(row[0]) if row else 1
    found = [fault for one in objects.values() for fault in _of_object(one, objects)]
    found += _of_marts(objects, active)
    found += _of_collectors(objects)
    mart = objects.get(("application", "mart"))
    if mart is not None:
        found += _of_options(Options({("", ""): mart.options}))
    return found


def refuse_new(before: list[Fault], after: list[Fault]) -> None:
    """Refuse a change that brings about a fault that was not there before.

    Raises:
        WrongConfiguration: it does; the detail names each.
    """
    new = [fault for fault in after if fault.blocks and fault not in before]
    if new:
        raise WrongConfiguration(
            "the configuration would not fit together",
            detail="\n".join([*(f"{fault.about}: {fault.message}" for fault in new), "nothing was changed"]),
            hint=new[0].mend,
        )


def _of_object(one: Object, objects: Mapping[tuple[str, str], Object]) -> Iterator[Fault]:
    label = f'{one.kind} "{one.name}"'
    try:
        rules.checked_properties(one.kind, one.name, one.properties)
    except WrongConfiguration as error:
        yield Fault(label, error.detail or error.message, f"Set it with: twinmart config set {one.kind} {one.name}.")
    for (section, name), text in one.options.items():
        try:
            rules.checked_option(one.kind, section, name, text, None)
        except WrongConfiguration as error:
            mend = f"Take it away with: twinmart config unset {one.kind} {one.name} {section}/{name}."
            yield Fault(label, f"{error.message}; {error.detail}", mend)
    for name, kind in KINDS[one.kind].refers.items():
        told = one.properties.get(name)
        for wanted in told if isinstance(told, list) else [told]:
            if wanted is not None and (kind, str(wanted)) not in objects:
                mend = f"Make it with: twinmart config set {kind} {wanted}."
                yield Fault(label, f'{name} is {kind} "{wanted}", which is not there', mend)


def _of_marts(objects: Mapping[tuple[str, str], Object], active: int) -> Iterator[Fault]:
    """Exactly one access point leads to the mart, that of the active site, and there the mart server runs."""
    points = [one for (kind, _), one in objects.items() if kind == "access_point" and one.enabled]
    marts = [one for one in points if one.properties.get("role") == "INFO_MART"]
    enable = f"Enable that of the active site: twinmart config enable access_point mart@{active}."
    if len(marts) != 1:
        message = f"{len(marts)} with role INFO_MART are enabled, and exactly one must be"
        yield Fault("access points", message, enable, blocks=len(marts) > 1)
    for one in marts:
        if one.properties.get("site") != active:
            message = f"it has role INFO_MART at site {one.properties.get('site')}, and site {active} is active"
            mend = f"First: twinmart config disable access_point {one.name}. {enable}"
            yield Fault(f'access point "{one.name}"', message, mend, blocks=False)
    server = objects.get(("application", "mart"))
    about = 'application "mart"'
    if server is None or not server.enabled:
        yield Fault(about, "it is disabled", "Enable it with: twinmart config enable application mart.", blocks=False)
        return
    host = objects.get(("host", str(server.properties.get("host"))))
    told = server.properties.get("start_up_arguments", {}).get("configuration_database")
    arguments = f"host=site{active} 'start_up_arguments={{\"configuration_database\": {active}}}'"
    for what, site in (("runs at", host and host.properties.get("site")), ("reads the configuration of", told)):
        if site is not None and site != active:
            message = f"it {what} site {site}, and site {active} is active"
            yield Fault(about, message, f"twinmart config set application mart {arguments}", blocks=False)


def _of_collectors(objects: Mapping[tuple[str, str], Object]) -> Iterator[Fault]:
    """Redundancy and extraction: an enabled collector has its access point, and its twin stands at another site."""
    twins: dict[str, list[Object]] = {}
    mart = objects.get(("application", "mart"))
    for one in objects.values():
        if one.kind != "collector" or not one.enabled:
            continue
        twins.setdefault(str(one.properties.get("source")), []).append(one)
        point = objects.get(("access_point", one.name))
        if point is None or point.properties.get("site") != one.properties.get("site"):
            site = one.properties.get("site")
            mend = f"twinmart config set access_point {one.name} role=ICON_CORE site={site}"
            yield Fault(f'collector "{one.name}"', f"it has no access point of its name at site {site}", mend)
        if mart is not None and ("collector", one.name) not in mart.connections:
            mend = f"Connect or disable it: twinmart config connect application mart collector/{one.name}."
            yield Fault(
                f'collector "{one.name}"',
                'it is enabled, and application "mart" is not connected to it',
                mend,
                blocks=False,
            )
    for source, pair in twins.items():
        sites = [one.properties.get("site") for one in pair]
        if len(set(sites)) < len(sites):
            yield Fault(
                f'source "{source}"', f"both of its collectors stand at site {sites[0]}", "Move one to the other site."
            )


def _of_options(options: Options) -> Iterator[Fault]:
    for message, mend, holds in _RULES:
        if not holds(options):
            yield Fault('application "mart"', message, mend)
    for level, least in LEAST_DELAY_S.items():
        delay = options.number("agg", f"agg-level-{level}-delay")
        if 0 < delay < least:
            name = f"agg/agg-level-{level}-delay"
            yield Fault(
                'application "mart"', f"{name} is {delay} s; it is 0 or at least {least}", f"Set {name}={least}."
            )


def _not_less(name: str, other: str, section: str = "gim-etl") -> Callable[[Options], bool]:
    return lambda options: options.number(section, name) >= options.number(section, other)


def _whole_days(name: str) -> Callable[[Options], bool]:
    return lambda options: options.number("gim-etl", name) % 86_400 == 0


def _bounds(section: str, name: str) -> Callable[[Options], bool]:
    def holds(options: Options) -> bool:
        value = options.get(section, name)
        return isinstance(value, tuple) and len(value) == _BOUNDS

    return holds


_RULES: tuple[tuple[str, str, Callable[[Options], bool]], ...] = (
    (
        "days-to-keep-cfg-facts is less than days-to-keep-gim-facts", "Set both in one command, the first no less.",
        _not_less("days-to-keep-cfg-facts", "days-to-keep-gim-facts"),
    ),
    (
        "days-to-keep-discards-and-job-history is less than days-to-keep-gim-facts",
        "Set both in one command, the first no less.",
        _not_less("days-to-keep-discards-and-job-history", "days-to-keep-gim-facts"),
    ),
    (
        "date-time-max-days-ahead is less than date-time-min-days-ahead", "Set both in one command, the first no less.",
        _not_less("date-time-max-days-ahead", "date-time-min-days-ahead", "date-time"),
    ),
    (
        "partitioning-interval-size-gim is no whole number of days", "Give a multiple of 86400.",
        _whole_days("partitioning-interval-size-gim"),
    ),
    (
        "partitioning-interval-size-gidb is no whole number of days", "Give a multiple of 86400.",
        _whole_days("partitioning-interval-size-gidb"),
    ),
    (
        f"accepted-thresholds are not {_BOUNDS}", f"Give {_BOUNDS} rising numbers.",
        _bounds("agg-gim-thld-QUEUE-ACC", "accepted-thresholds"),
    ),
    (
        f"abandoned-thresholds are not {_BOUNDS}", f"Give {_BOUNDS} rising numbers.",
        _bounds("agg-gim-thld-QUEUE-ABN", "abandoned-thresholds"),
    ),
)  # fmt: skip
