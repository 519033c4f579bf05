"""The catalogue of reports: what each is for, its columns, how it may be grouped and filtered, where one goes on from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from twinmart.errors import UnknownReport
from twinmart.report import measures as m
from twinmart.report.measures import Measure

TEXT, WHOLE, NUMBER, FLAG, TIME, LIST = "text", "whole", "number", "flag", "time", "list"

_ENTITY = ("tenant", "site", "source")
_KIND = ("media_type", "interaction_type")
_ABOUT = ("customer_segment", "service_type", "service_subtype", "business_result")

_QUEUE_FILTERS = ("queue", "source", "site", "tenant")
_AGENT_FILTERS = ("agent", "group", "source", "site", "tenant")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``unit`` is how its values are shown, ``dimension`` what it tells rows apart by, if it does."""

    name: str
    title: str
    unit: str
    dimension: str | None = None
    measure: Measure | None = None
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A report: one statement in ``sql`` and what people are told of it.

    ``by`` is how rows are told apart unless somebody says otherwise; a list has none. ``begins`` and ``ends`` are the
    columns of a list by which the gaps that touch a row are found.
    """

    name: str
    title: str
    words: str
    columns: tuple[Column, ...]
    filters: tuple[str, ...]
    by: tuple[str, ...] = ()
    drill: tuple[str, ...] = ()
    begins: str = "start_at"
    ends: str = "end_at"
    is_cut_by_day: bool = False

    @property
    def sql(self) -> str:
        """Name of the file with its statement."""
        return f"report/{self.name.replace('-', '_')}"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What rows can be told apart by, other than time."""
        return tuple(column.dimension for column in self.columns if column.dimension is not None)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures among its columns."""
        return tuple(column.measure for column in self.columns if column.measure is not None)

    def place(self, name: str) -> int:
        """Return the number of a column, from 0."""
        return next(place for place, column in enumerate(self.columns) if column.name == name)


_TITLES = {"media_type": "Media Type", "interaction_type": "Interaction Type", "reason_code_type": "Reason Code Type"}
_STEP = Column("interval_at", "Interval", TIME, is_step=True)


def _measured(subject: str, names: Sequence[str] = ()) -> tuple[Column, ...]:
    return tuple(Column(one.name, one.title, one.unit, measure=one) for one in m.measures(subject, *names))


def _grouped(*dimensions: str) -> tuple[Column, ...]:
    return (_STEP, *(
        Column(name, _TITLES.get(name, name.replace("_", " ").title()), WHOLE if name == "site" else TEXT, dimension=name)
        for name in dimensions
    ))  # fmt: skip


def _listed(*columns: str) -> tuple[Column, ...]:
    """Return columns of a list; a name's ending, or the letter after a colon, tells the unit."""
    found = []
    for column in columns:
        name, _, unit = column.partition(":")
        title = name.removesuffix("_s").removesuffix("_at").replace("_", " ").title()
        units = {"n": WHOLE, "f": FLAG, "t": TEXT, "%": m.SHARE, "l": LIST}
        ending = TIME if name.endswith("_at") else m.SECONDS if name.endswith("_s") else TEXT
        found.append(Column(name, title, units.get(unit, ending)))
    return tuple(found)


_QUEUE_DIMENSIONS = _grouped("queue", *_ENTITY, *_KIND)
_AGENT_DIMENSIONS = _grouped("agent", *_ENTITY, *_KIND)

_ALL = (
    Report(
        "queue-by-interval",
        "Queue by interval",
        "How many entered each queue in each interval, how many were answered and in time, how many hung up.",
        (*_QUEUE_DIMENSIONS, *_measured("queue", (
            "entered", "offered", "accepted", "abandoned", "abandoned_share", "accepted_in_time", "service_level", "avg_accept_time_s",
            "max_accept_time_s", "avg_abandon_time_s", "routed_other", "cleared", "waiting",
        ))),
        _QUEUE_FILTERS, ("30min", "queue"), ("abandoned-calls", "interaction-flow"),
    ),
    Report(
        "queue-summary",
        "Queue Summary",
        "All that happened in each queue by day: volumes, ends, service level, waits, handling.",
        (*_QUEUE_DIMENSIONS, *_measured("queue")),
        _QUEUE_FILTERS, ("day", "queue"), ("queue-by-interval", "speed-of-accept", "abandon-delay", "abandoned-calls"),
    ),
    Report(
        "speed-of-accept",
        "Speed of Accept (seconds)",
        "How long callers whom an agent answered had waited, in twenty ranges; their bounds are those of the queue.",
        (*_grouped("queue", *_ENTITY, *_KIND, "edges_s"), *_measured("accept_speed")),
        _QUEUE_FILTERS, ("day", "queue", "edges_s"), ("interaction-handling-attempt",),
    ),
    Report(
        "abandon-delay",
        "Abandon Delay",
        "How long callers who hung up had waited, in twenty ranges; their bounds are those of the queue.",
        (*_grouped("queue", *_ENTITY, *_KIND, "edges_s"), *_measured("abandon_delay")),
        _QUEUE_FILTERS, ("day", "queue", "edges_s"), ("abandoned-calls",),
    ),
    Report(
        "agent-conduct",
        "Agent Conduct",
        "How agents treat what they are offered: taken, not taken, refused, hung up on, cut short.",
        (*_AGENT_DIMENSIONS, *_measured("agent", (
            "offered", "accepted", "not_accepted", "abandoned_inviting", "rejected", "short", "avg_engage_time_s", "avg_hold_time_s",
            "avg_wrap_time_s", "consult_received", "consult_received_time_s",
        ))),
        _AGENT_FILTERS, ("day", "agent"), ("interaction-handling-attempt",),
    ),
    Report(
        "agent-utilization",
        "Agent Utilization",
        "How much of each phase of handling customers agents had, with transfers and consultations.",
        (*_AGENT_DIMENSIONS, *_measured("agent")),
        _AGENT_FILTERS, ("day", "agent"), ("interaction-handling-attempt", "transfer-detail"),
    ),
    Report(
        "agent-summary-activity",
        "Agent Summary Activity (Active)",
        "What agents did while they were logged in, and what share of that time each took.",
        (*_grouped("agent", *_ENTITY, "media_type"), *_measured("agent_activity")),
        _AGENT_FILTERS, ("day", "agent"), ("agent-state-details", "agent-not-ready", "agent-login-logout"),
    ),
    Report(
        "agent-not-ready",
        "Agent Not Ready Reason Code",
        "How often and how long agents had each reason of a state.",
        (*_grouped("agent", *_ENTITY, "state", "reason_code_type", "reason_code"), *_measured("agent_reason")),
        _AGENT_FILTERS, ("day", "agent", "state", "reason_code_type", "reason_code"), ("agent-state-details",),
    ),
    Report(
        "interaction-traffic",
        "Interaction Traffic",
        "Interactions by the time at which they reached the contact centre: taken, in time, abandoned.",
        (*_grouped("tenant", *_KIND, *_ABOUT), *_measured("interaction")),
        ("tenant", *_ABOUT), ("hour", "interaction_type"), ("interaction-flow",),
    ),
    Report(
        "daily-multi-site",
        "Daily totals of all sites",
        "The queues of every site added up by day, site by site: the sheet that people otherwise make by hand.",
        (*_grouped("site", "source", "tenant"), *_measured("queue", (
            "entered", "offered", "accepted", "accepted_share", "accepted_in_time", "service_level", "abandoned", "abandoned_share",
            "short_abandoned", "avg_accept_time_s", "max_accept_time_s", "engage_time_s", "hold_time_s", "wrap_time_s", "handle_time_s",
            "avg_handle_time_s",
        ))),
        ("source", "site", "tenant"), ("day", "site"), ("queue-summary",),
    ),
    Report(
        "agent-state-details",
        "Agent State Details",
        "The states of agents one after the other, with reasons; what goes over midnight is cut there, by the report's zone.",
        _listed(
            "start_at", "end_at", "agent", "agent_login", "kind", "state_type", "state", "reason_code_type", "reason_code", "duration_s",
            "day_at", "source", "site:n", "tenant",
        ),
        _AGENT_FILTERS, drill=("interaction-handling-attempt",), is_cut_by_day=True,
    ),
    Report(
        "agent-login-logout",
        "Agent Login-Logout Details",
        "When agents logged in and out: from the first queue or device to the last; cut at midnight of the report's zone.",
        _listed(
            "login_at", "logout_at", "agent", "agent_login", "media_type", "active_time_s", "session_start_at", "session_end_at",
            "ended_with_the_switch:f", "day_at", "session_id", "source", "site:n", "tenant",
        ),
        _AGENT_FILTERS, drill=("agent-state-details",), begins="login_at", ends="logout_at", is_cut_by_day=True,
    ),
    Report(
        "interaction-handling-attempt",
        "Interaction Handling Attempt",
        "Each part that an agent or another resource had in an interaction, with all its times.",
        _listed(
            "start_at", "end_at", "interaction_id", "ordinal:n", "handling_attempt_id", "tenant", "source", "site:n", "media_type",
            "interaction_type", "attempt_kind", "agent", "target_resource", "technical_result", "result_reason", "resource_role",
            "role_reason", "last_queue", "source_address", "target_address", *_ABOUT, "queue_time_s", "routing_point_time_s", "mediation_time_s",
            "answered_at", "total_time_s", "customer_dial_count:n", "customer_dial_time_s", "customer_ring_count:n",
            "customer_ring_time_s", "customer_talk_count:n", "customer_talk_time_s", "customer_hold_count:n", "customer_hold_time_s",
            "customer_acw_count:n", "customer_acw_time_s", "customer_handle_count:n", "consult_initiated_count:n",
            "consult_initiated_time_s", "consult_received_count:n", "consult_received_time_s", "conference_initiated_count:n",
            "conference_initiated_time_s", "conference_joined_count:n", "conference_joined_time_s", "other_talk_time_s", "active:f",
            "stop_action",
        ),
        ("queue", *_AGENT_FILTERS, *_ABOUT), drill=("interaction-flow",),
    ),
    Report(
        "interaction-flow",
        "Interaction Flow",
        "The course of an interaction over queues, agents and sites, step by step; --interaction names one.",
        _listed(
            "start_at", "end_at", "interaction_id", "step:n", "kind", "resource", "resource_type", "resource_role", "technical_result",
            "result_reason", "came_by", "received_from", "caller", "wait_s", "engage_time_s", "hold_time_s", "wrap_time_s", "source",
            "site:n", "tenant",
        ),
        ("interaction", "queue", "agent", "source", "site", "tenant"),
    ),
    Report(
        "transfer-detail",
        "Transfer Detail",
        "Who sent a call on, how, to whom, and what came of it.",
        _listed(
            "start_at", "end_at", "caller", "agent", "queue", "transfer_type", "received_by", "received_by_type", "target_address",
            "received_queue", "resource_role", "technical_result", "answered:f", "engage_time_before_s", "hold_time_before_s",
            "engage_time_after_s", "source", "site:n", "tenant", "interaction_id",
        ),
        ("queue", *_AGENT_FILTERS), drill=("interaction-flow",),
    ),
    Report(
        "abandoned-calls",
        "Abandoned calls",
        "Who hung up while waiting: number, queue, wait, place, whether a phone rang.",
        _listed(
            "start_at", "end_at", "caller", "queue", "wait_s", "abandoned_while", "short:f", "position:n", "offers:n", "entered_by",
            "visit:n", "source", "site:n", "tenant", "interaction_id",
        ),
        _QUEUE_FILTERS, drill=("interaction-flow",),
    ),
    Report(
        "data-quality",
        "Data quality",
        "What came in from each source, what came late, how far the twins agree, what was discarded, what is missing.",
        (_STEP, *_listed(
            "source", "site:n", "extractions:n", "events_read:n", "events_new:n", "collectors:n", "events_late:n", "longest_delay_s", "twin_agreement:%",
            "discarded:n", "gap_count:n", "gap_time_s",
        )),
        ("source", "site"), ("day",),
    ),
)  # fmt: skip

REPORTS: Mapping[str, Report] = {report.name: report for report in _ALL}


def report_named(name: str) -> Report:
    """Return the report of a name; underscores and capitals do not matter.

    Raises:
        UnknownReport: there is none; the hint has those most like it.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if wanted in REPORTS:
        return REPORTS[wanted]
    near = get_close_matches(wanted, REPORTS, n=3, cutoff=0.5)
    like = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownReport(f'there is no report "{name}"', hint=f"All of them: twinmart report list.{like}")
