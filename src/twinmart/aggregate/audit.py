"""Audits: every aggregate is what the facts say, and every level the sum of the one below; a difference is a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twinmart.aggregate.described import make_described
from twinmart.aggregate.groups import make_members
from twinmart.aggregate.rebuild import reaching, set_planner
from twinmart.aggregate.requests import names_of
from twinmart.aggregate.sets import Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.db.connect import Connection

# So many differences of a set and level are told; more say nothing more.
MOST = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that facts (or the lower level) and aggregate do not have alike; ``says`` tells who has it so."""

    set_name: str
    level: str
    interval_at: datetime
    says: str
    row: str

    def data(self) -> dict[str, object]:
        """Return it as data for programs."""
        place = {"set": self.set_name, "level": self.level, "interval_at": self.interval_at.isoformat()}
        return {**place, "says": self.says, "row": self.row}


def audit(
    mart: Connection, *, from_at: datetime, to_at: datetime, sets: tuple[str, ...] | list[str] | None = None
) -> list[Difference]:
    """Compare all levels of sets with what they are made of; an empty list says that all is equal.

    15 minutes are compared with the facts in the hours of UTC that the span touches, and hours with these; days and
    months that it touches are compared whole. Intervals with a request are left out: they are known to be behind.

    Raises:
        WrongAggregateRequest: a set is not known, or the span is empty or impossibly long.
    """
    names = names_of(sets, from_at, to_at)
    with mart.transaction():
        set_planner(mart)
        return _audit(mart, from_at, to_at, names)


def _audit(mart: Connection, from_at: datetime, to_at: datetime, names: list[str]) -> list[Difference]:
    make_thresholds(mart)
    make_described(mart)
    make_members(mart)
    tenants = [tenant for (tenant,) in mart.execute("SELECT tenant_key FROM mart.tenant WHERE tenant_key > 0")]
    shapes = Shape.read(mart)
    found: list[Difference] = []
    for name in names:
        shape = shapes[name]
        for tenant in tenants:
            for level in Level:
                for from_key, to_key in _spans(level, from_at, to_at):
                    span = {"tenant_key": tenant, "from_key": from_key, "to_key": to_key, "most": MOST}
                    found += _differences(mart, shape, level, span)
    return found


def _differences(mart: Connection, shape: Shape, level: Level, span: dict[str, object]) -> Iterator[Difference]:
    cursor = mart.execute(shape.differing(level), reaching(mart, shape, span) if level is Level.SUBHR else span)
    names = [column.name for column in cursor.description or ()]
    for row in cursor:
        values = dict(zip(names, row, strict=True))
        at = datetime.fromtimestamp(values["date_time_key"], UTC)
        said = values.pop("says")
        told = " ".join(f"{key}={value}" for key, value in values.items() if value and key != "date_time_key")
        yield Difference(shape.of.name, str(level), at, said, told)


def _spans(level: Level, from_at: datetime, to_at: datetime) -> Iterator[tuple[int, int]]:
    """Yield what is compared at once, as keys: hours of each day, whole days or months that cover the span."""
    day = from_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if level is Level.MONTH:
        day = day.replace(day=1)
    first, last = int(from_at.timestamp()) // 3600 * 3600, -int(-to_at.timestamp() // 3600) * 3600
    while day < to_at:
        following = (day + timedelta(days=32)).replace(day=1) if level is Level.MONTH else day + timedelta(days=1)
        begin, end = int(day.timestamp()), int(following.timestamp())
        yield (begin, end) if level in {Level.DAY, Level.MONTH} else (max(begin, first), min(end, last))
        day = following
