"""The catalogue of measures: each figure of a report has one definition, in words, as a formula and as SQL over sums.

A ratio is always computed from the sums of the rows it stands for, never from other ratios, so that a total, a week or a
group of queues has the figure that its calls have. The SQL of a report holds the text that stands here; a test compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COUNT, SECONDS, SHARE = "count", "seconds", "share"

SINCE = "0.2"

# By whose moment a row belongs to an interval.
ENTRY = "interval of the entry into the queue"
OFFER = "interval of the offer to the agent"
CLIPPED = "clipped to the interval: a time over its end is split"
ARRIVAL = "interval in which the interaction began"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: ``name`` is the column, ``subject`` whose it is, ``title`` what the original's users read."""

    subject: str
    name: str
    title: str
    words: str
    formula: str
    sql: str
    unit: str
    attribution: str
    since: str = SINCE

    @property
    def key(self) -> str:
        """The name by which it is unique."""
        return f"{self.subject}.{self.name}"

    @property
    def is_sum(self) -> bool:
        """Whether figures of it may be added up: it is no ratio and no greatest value."""
        return "nullif" not in self.sql and self.sql.startswith(("sum(", "(sum("))


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """One of the formulas by which people say how many were answered in time."""

    number: int
    name: str
    formula: str
    words: str


# fmt: off
# A answered, B abandoned, O entered, N offered (entered and not refused at the door), W still waiting;
# within the threshold: A_t, B_t; within the limit of short abandons: B_s.
SERVICE_LEVELS: tuple[ServiceLevel, ...] = (
    ServiceLevel(1, "answered or gone in time", "(A_t + B_t) / (A + B)", "a quick abandon counts as served"),
    ServiceLevel(2, "of the answered", "A_t / A", "abandons do not count; also the switch's own ServicelevelPerf, and AltiGen's by day"),
    ServiceLevel(3, "all abandons against", "A_t / (A + B)", "the default of Genesys Cloud"),
    ServiceLevel(4, "quick abandons left out", "A_t / (A + B - B_t)", "abandons within the threshold are neutral"),
    ServiceLevel(5, "short abandons for", "(A_t + B_s) / (A + B)", "a short abandon counts as served"),
    ServiceLevel(6, "of the offered", "A_t / (N - B_s)", "the default, and the original's: exits and time-outs count against"),
    ServiceLevel(7, "of the entered, while it runs", "A_t / (O - B_s - W)", "8x8's: who still waits does not count yet"),
    ServiceLevel(8, "left the queue in time", "(A_t + B_t) / O", "Amazon Connect's: whoever left within the threshold, of all who entered"),
    ServiceLevel(9, "short abandons left out", "A_t / (A + B - B_s)", "short abandons are neutral, exits do not count"),
)
DEFAULT_SERVICE_LEVEL = 6


def _count(subject: str, name: str, title: str, words: str, column: str, attribution: str) -> Measure:
    source = "fact" if "." not in column else column.partition(".")[0]
    column = column.rpartition(".")[2]
    return Measure(subject, name, title, words, f"sum of {column}", f"sum({source}.{column})", COUNT, attribution)


def _time(subject: str, name: str, title: str, words: str, column: str, attribution: str) -> Measure:
    source = "fact" if "." not in column else column.partition(".")[0]
    column = column.rpartition(".")[2]
    sql = f"(sum({source}.{column}) / 1000.0)::float8"
    return Measure(subject, name, title, words, f"sum of {column}, in seconds", sql, SECONDS, attribution)


def _share(subject: str, name: str, title: str, words: str, of: tuple[str, str], attribution: str, unit: str = SHARE) -> Measure:
    over, under = of
    sql = f"{over}::float8 / nullif({under}, 0)" if unit == SHARE else f"({over} / 1000.0)::float8 / nullif({under}, 0)"
    return Measure(subject, name, title, words, f"{_said(over)} / {_said(under)}", sql, unit, attribution)


def _said(sql: str) -> str:
    return sql.replace("sum(fact.", "").replace("fact.", "").replace("sum(", "").replace(")", "")


_HANDLE = "sum(fact.engage_time_ms + fact.hold_time_ms + fact.wrap_time_ms + fact.conference_time_ms)"

_SERVICE_LEVEL = Measure(
    "queue", "service_level", "Accept Service Level %",
    "Share of callers answered within the threshold of the queue, by the formula that the queue has; see Service levels.",
    "by the variant of each queue, met and counted added up before they are divided",
    "sum(mart.service_level_met(member.variant, fact.accepted_thr, fact.abandoned_thr, fact.abandoned_short))::float8"
    " / nullif(sum(mart.service_level_of(member.variant, fact.entered, fact.offered, fact.accepted, fact.abandoned,"
    " fact.abandoned_thr, fact.abandoned_short, fact.waiting)), 0)",
    SHARE, ENTRY,
)  # fmt: skip

QUEUE: tuple[Measure, ...] = (
    _count("queue", "entered", "Entered", "Visits to the queue, refused tries and consultations included.", "entered", ENTRY),
    _count("queue", "offered", "Offered", "Entered without those refused at the door.", "offered", ENTRY),
    _count("queue", "accepted", "Accepted", "Answered.", "accepted", ENTRY),
    _share("queue", "accepted_share", "% Accepted", "Answered, of the offered.", ("sum(fact.accepted)", "sum(fact.offered)"), ENTRY),
    _count("queue", "accepted_in_time", "Accepted in Threshold", "Answered within the threshold; the threshold itself is within.", "accepted_thr", ENTRY),
    _SERVICE_LEVEL,
    _count("queue", "abandoned", "Abandoned", "Callers who hung up before an answer.", "abandoned", ENTRY),
    _share("queue", "abandoned_share", "% Abandoned", "Abandoned, of the offered.", ("sum(fact.abandoned)", "sum(fact.offered)"), ENTRY),
    _count("queue", "abandoned_waiting", "Abandoned Waiting", "Of these, while no phone rang for them.", "abandoned_waiting", ENTRY),
    _count("queue", "abandoned_inviting", "Abandoned Inviting", "Of these, while a phone rang for them.", "abandoned_invite", ENTRY),
    _count("queue", "short_abandoned", "Short Abandoned", "Abandoned within the short limit; the limit itself is within.", "abandoned_short", ENTRY),
    _count("queue", "routed_other", "Routed Other", "Left by time-out, by a key, or taken elsewhere while waiting.", "routed_other", ENTRY),
    _count("queue", "cleared", "Cleared", "Put out or refused by the switch.", "cleared", ENTRY),
    _count("queue", "stopped", "Stopped", "How it ended is not known: the switch died.", "stopped", ENTRY),
    _count("queue", "waiting", "Waiting", "Still waiting when last loaded.", "waiting", ENTRY),
    _count("queue", "redirected", "Redirected", "Times that the queue rang an agent in vain.", "redirected", ENTRY),
    _time("queue", "accept_time_s", "Accept Time", "Waits of the answered, entry to answer.", "accepted_time_ms", ENTRY),
    _share("queue", "avg_accept_time_s", "Avg Accept Time", "Average wait of the answered (ASA); waits of the abandoned are not in it.", ("sum(fact.accepted_time_ms)", "sum(fact.accepted)"), ENTRY, SECONDS),
    Measure("queue", "max_accept_time_s", "Max Accept Time", "Longest wait of an answered visit.", "greatest accepted_time_max_ms, in seconds", "(max(nullif(fact.accepted_time_max_ms, 0)) / 1000.0)::float8", SECONDS, ENTRY),
    _share("queue", "avg_abandon_time_s", "Avg Abandon Time", "Average wait of the abandoned.", ("sum(fact.abandoned_time_ms)", "sum(fact.abandoned)"), ENTRY, SECONDS),
    _time("queue", "engage_time_s", "Engage Time", "Talk of the agents who took customers; hold and conferences are not in it.", "engage_time_ms", ENTRY),
    _time("queue", "hold_time_s", "Hold Time", "Hold by those agents.", "hold_time_ms", ENTRY),
    _time("queue", "wrap_time_s", "Wrap Time", "After-call work of those agents.", "wrap_time_ms", ENTRY),
    _time("queue", "conference_time_s", "Conference Time", "Conferences of those agents.", "conference_time_ms", ENTRY),
    Measure("queue", "handle_time_s", "Handle Time", "Talk, hold, conferences and after-call work of those agents.", "engage + hold + wrap + conference time, in seconds", f"({_HANDLE} / 1000.0)::float8", SECONDS, ENTRY),
    Measure("queue", "avg_handle_time_s", "Avg Handle Time", "Handle time for each customer whom an agent took.", "(engage + hold + wrap + conference time) / customers answered", f"({_HANDLE} / 1000.0)::float8 / nullif(sum(fact.accepted - fact.consult_accepted), 0)", SECONDS, ENTRY),
    _count("queue", "transfers", "Transfers Initiated", "Answered customers whom the agent transferred.", "transfer_init", ENTRY),
    _count("queue", "consult_entered", "Consult Entered", "Of the entered, consultations that agents placed into the queue.", "consult_entered", ENTRY),
    _count("queue", "consult_accepted", "Consult Accepted", "Consultations answered.", "consult_accepted", ENTRY),
    _time("queue", "consult_engage_time_s", "Consult Engage Time", "Talk in consultations answered, also with the customer whom they ended in.", "consult_engage_time_ms", ENTRY),
    _time("queue", "consult_hold_time_s", "Consult Hold Time", "Hold in these.", "consult_hold_time_ms", ENTRY),
    _time("queue", "consult_wrap_time_s", "Consult Wrap Time", "After-call work of these.", "consult_wrap_time_ms", ENTRY),
)

AGENT: tuple[Measure, ...] = (
    _count("agent", "offered", "Offered", "Customers offered to the agent: rung, dialled or talked.", "offered", OFFER),
    _count("agent", "accepted", "Accepted", "Of the offered, those that the agent took.", "accepted", OFFER),
    _share("agent", "accepted_share", "% Accepted", "Taken, of the offered.", ("sum(fact.accepted)", "sum(fact.offered)"), OFFER),
    _count("agent", "not_accepted", "Not Accepted", "Rang without an answer, or another agent took it.", "notaccepted", OFFER),
    _count("agent", "abandoned_inviting", "Abandoned Inviting", "The caller hung up while the phone rang.", "abandoned_invite", OFFER),
    _count("agent", "rejected", "Rejected", "The agent refused.", "rejected", OFFER),
    _count("agent", "short", "Short", "Of the accepted, those with a talk no longer than the short-talk threshold.", "short", OFFER),
    _time("agent", "invite_time_s", "Invite Time", "Ringing and dialling for customers.", "invite_time_ms", OFFER),
    _time("agent", "engage_time_s", "Engage Time", "Talk with customers; hold and conferences are not in it.", "engage_time_ms", OFFER),
    _share("agent", "avg_engage_time_s", "Avg Engage Time", "Talk for each interaction talked in.", ("sum(fact.engage_time_ms)", "sum(fact.engage)"), OFFER, SECONDS),
    _count("agent", "hold", "Hold", "Interactions in which a customer was put on hold.", "hold", OFFER),
    _time("agent", "hold_time_s", "Hold Time", "Hold of customers.", "hold_time_ms", OFFER),
    _share("agent", "avg_hold_time_s", "Avg Hold Time", "Hold for each interaction with hold.", ("sum(fact.hold_time_ms)", "sum(fact.hold)"), OFFER, SECONDS),
    _count("agent", "wrap", "Wrap", "Times of after-call work for customers.", "wrap", OFFER),
    _time("agent", "wrap_time_s", "Wrap Time", "After-call work for customers.", "wrap_time_ms", OFFER),
    _share("agent", "avg_wrap_time_s", "Avg Wrap Time", "After-call work for each time of it.", ("sum(fact.wrap_time_ms)", "sum(fact.wrap)"), OFFER, SECONDS),
    _time("agent", "conference_time_s", "Conference Time", "Conferences with customers.", "conference_time_ms", OFFER),
    Measure("agent", "handle_time_s", "Handle Time", "Talk, hold, conferences and after-call work for customers.", "engage + hold + wrap + conference time, in seconds", f"({_HANDLE} / 1000.0)::float8", SECONDS, OFFER),
    Measure("agent", "avg_handle_time_s", "Avg Handle Time", "Handle time for each customer taken.", "(engage + hold + wrap + conference time) / accepted", f"({_HANDLE} / 1000.0)::float8 / nullif(sum(fact.accepted), 0)", SECONDS, OFFER),
    _count("agent", "transfers", "Transfers Initiated", "Of the accepted, those that the agent transferred.", "transfer_init_agent", OFFER),
    _share("agent", "transfer_share", "% Transfers Initiated", "Transferred, of the accepted.", ("sum(fact.transfer_init_agent)", "sum(fact.accepted)"), OFFER),
    _count("agent", "transfers_received", "Transfers Received Accepted", "Customers taken over from another agent.", "xfer_received_accepted", OFFER),
    _count("agent", "consult_received", "Consult Received Accepted", "Consultations and internal calls received and taken, no customer of one's own on the line.", "consult_received_accepted", OFFER),
    _time("agent", "consult_received_time_s", "Consult Received Engage Time", "Talk in these.", "consult_received_engage_time_ms", OFFER),
    _time("agent", "consult_received_hold_time_s", "Consult Received Hold Time", "Hold in these.", "consult_received_hold_time_ms", OFFER),
    _time("agent", "consult_received_wrap_time_s", "Consult Received Wrap Time", "After-call work of these.", "consult_received_wrap_time_ms", OFFER),
    _count("agent", "consult_initiated", "Consult Initiated", "Consultations that the agent began and that were answered.", "consult_initiated", OFFER),
    _time("agent", "consult_initiated_time_s", "Consult Initiated Time", "Dialling, talk and hold in these.", "consult_initiated_time_ms", OFFER),
)


def _activity(column: str, title: str, words: str, source: str) -> tuple[Measure, Measure]:
    name = f"{column}_time_s"
    time = _time("agent_activity", name, f"{title} Time", words, f"{source}.{column}_time_ms", CLIPPED)
    share = _share(
        "agent_activity", f"{column}_share", f"% {title} Time", f"{title} time, of the active time.",
        (f"sum({source}.{column}_time_ms)", "sum(session.active_time_ms)"), CLIPPED,
    )  # fmt: skip
    return time, share


ACTIVITY: tuple[Measure, ...] = (
    _time("agent_activity", "active_time_s", "Active Time", "Logged in: all states added up.", "session.active_time_ms", CLIPPED),
    *_activity("ready", "Ready", "Ready for calls.", "session"),
    *_activity("not_ready", "Not Ready", "Paused.", "session"),
    *_activity("busy", "Busy", "On calls.", "session"),
    *_activity("wrap", "Wrap", "After-call work, as a state.", "session"),
    _time("agent_activity", "logged_on_only_time_s", "Logged On Only Time", "Logged in without being able to take calls.", "session.logged_on_only_time_ms", CLIPPED),
    *_activity("invite", "Invite", "Ringing and dialling for customers.", "activity"),
    *_activity("engage", "Engage", "Talk with customers, conferences included, hold not.", "activity"),
    *_activity("hold", "Hold", "Hold of customers.", "activity"),
    _time("agent_activity", "consult_received_time_s", "Consult Received Engage Time", "Talk in consultations received.", "activity.consult_received_engage_time_ms", CLIPPED),
    _time("agent_activity", "consult_initiated_time_s", "Consult Initiated Time", "Consultations begun.", "activity.consult_initiated_time_ms", CLIPPED),
    _time("agent_activity", "internal_time_s", "Internal Time", "Calls between agents.", "activity.internal_time_ms", CLIPPED),
    _share("agent_activity", "occupancy", "Occupancy", "Calls and after-call work, of these and the time ready.", ("sum(session.busy_time_ms + session.wrap_time_ms)", "sum(session.busy_time_ms + session.wrap_time_ms + session.ready_time_ms)"), CLIPPED),
    _count("agent_activity", "logins", "Logins", "Sessions begun.", "session.login", CLIPPED),
    _count("agent_activity", "logouts", "Logouts", "Sessions ended.", "session.logout", CLIPPED),
)

REASON: tuple[Measure, ...] = (
    _count("agent_reason", "reasons", "Reasons", "Times that the reason began.", "state_rsn", CLIPPED),
    _time("agent_reason", "reason_time_s", "Reason Time", "Time with the reason.", "state_rsn_time_ms", CLIPPED),
)

INTERACTION: tuple[Measure, ...] = (
    _count("interaction", "entered", "Entered", "Interactions.", "entered", ARRIVAL),
    _count("interaction", "offered", "Offered", "Interactions offered to at least one agent.", "offered", ARRIVAL),
    _count("interaction", "accepted", "Accepted", "Interactions that an agent took.", "accepted", ARRIVAL),
    _share("interaction", "accepted_share", "% Accepted", "Taken by an agent, of all.", ("sum(fact.accepted)", "sum(fact.entered)"), ARRIVAL),
    _count("interaction", "accepted_in_time", "Accepted in Threshold", "Taken within the threshold that holds without a queue; the threshold itself is within.", "accepted_thr", ARRIVAL),
    Measure("interaction", "service_level", "Accept Service Level %", "Share of interactions that an agent took within the threshold that holds without a queue, short abandons left out; none where no such threshold is set.", "accepted_thr / (entered - abandoned_short)", "sum(fact.accepted_thr)::float8 / nullif(sum(CASE WHEN member.variant IS NOT NULL THEN fact.entered - fact.abandoned_short END), 0)", SHARE, ARRIVAL),
    _count("interaction", "abandoned", "Abandoned", "Interactions that the caller ended before any agent took them.", "abandoned", ARRIVAL),
    _share("interaction", "abandoned_share", "% Abandoned", "Abandoned, of all.", ("sum(fact.abandoned)", "sum(fact.entered)"), ARRIVAL),
    _count("interaction", "short_abandoned", "Short Abandoned", "Of these, within the short limit.", "abandoned_short", ARRIVAL),
    _count("interaction", "finished", "Finished", "Interactions that have ended.", "finished", ARRIVAL),
    _share("interaction", "avg_finish_time_s", "Avg Finish Time", "Begin to end of the finished, on average.", ("sum(fact.finished_time_ms)", "sum(fact.finished)"), ARRIVAL, SECONDS),
    _share("interaction", "avg_accept_time_s", "Avg Accept Time", "Begin to the first answer by an agent, on average.", ("sum(fact.accepted_time_ms)", "sum(fact.accepted)"), ARRIVAL, SECONDS),
    _time("interaction", "engage_time_s", "Engage Time", "Talk of agents with customers.", "engage_time_ms", ARRIVAL),
    _time("interaction", "hold_time_s", "Hold Time", "Hold of customers.", "hold_time_ms", ARRIVAL),
    _time("interaction", "wrap_time_s", "Wrap Time", "After-call work for customers.", "wrap_time_ms", ARRIVAL),
    _count("interaction", "transfers", "Transfers Initiated", "Transfers by agents.", "transfer_init", ARRIVAL),
)

# fmt: on
BUCKETS = 20


def _buckets(subject: str, column: str, total: str, title: str, words: str) -> tuple[Measure, ...]:
    counted = [
        _count(
            subject, f"bucket_{n}", f"{title} STI {n}", f"{words} with a wait in bucket {n}.", f"{column}_{n}", ENTRY
        )
        for n in range(1, BUCKETS + 1)
    ]
    shares = [
        _share(
            subject,
            f"bucket_{n}_share",
            f"% {title} STI {n}",
            f"The same, of all {words.lower()}.",
            (f"sum(fact.{column}_{n})", f"sum(fact.{total})"),
            ENTRY,
        )
        for n in range(1, BUCKETS + 1)
    ]
    return tuple(counted + shares)


# fmt: off
ACCEPT_SPEED: tuple[Measure, ...] = (
    _count("accept_speed", "accepted_agent", "Accepted", "Answered by an agent whom the queue rang.", "accepted_agent", ENTRY),
    _share("accept_speed", "avg_accept_time_s", "Avg Accept Time", "Average wait of these.", ("sum(fact.accepted_agent_time_ms)", "sum(fact.accepted_agent)"), ENTRY, SECONDS),
    *_buckets("accept_speed", "accepted_agent_sti", "accepted_agent", "Accepted", "Answered by an agent"),
)  # fmt: skip

ABANDON_DELAY: tuple[Measure, ...] = (
    _count("abandon_delay", "abandoned_last", "Abandoned Waiting", "Interactions abandoned at their last visit to the queue.", "abandoned", ENTRY),
    _share("abandon_delay", "avg_abandon_time_s", "Avg Abandon Time", "Average wait of these.", ("sum(fact.abandoned_time_ms)", "sum(fact.abandoned)"), ENTRY, SECONDS),
    *_buckets("abandon_delay", "abandoned_sti", "abandoned", "Abandoned", "Abandoned"),
)  # fmt: skip

# fmt: on
MEASURES: Mapping[str, Measure] = {
    one.key: one
    for group in (QUEUE, AGENT, ACTIVITY, REASON, INTERACTION, ACCEPT_SPEED, ABANDON_DELAY)
    for one in group
}


def measures(subject: str, *names: str) -> Sequence[Measure]:
    """Return measures of a subject by name, or all of them, in the order of the catalogue."""
    if names:
        return [MEASURES[f"{subject}.{name}"] for name in names]
    return [one for one in MEASURES.values() if one.subject == subject]
