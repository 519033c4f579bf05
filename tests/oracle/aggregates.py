"""What every measure of every aggregate must be, the slow and obvious way: fact by fact, in Python, without SQL's help.

Facts are dictionaries of their columns. Each function adds one fact to a book of sums, by set and key; nothing is
shared with the SQL of the mart, not even a rounding.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Fact = Mapping[str, Any]
Key = tuple[Any, ...]

INTERVAL_MS = 900_000


@dataclass
class Limits:
    """Thresholds that hold all the time, milliseconds; by queue where they differ."""

    answer: Mapping[int, int | None]
    short_abandon: int
    short_talk: int | None
    edges: Sequence[int]


@dataclass
class Book:
    """Sums by set, key and measure; zeros are not written."""

    sums: dict[tuple[str, Key], dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, name: str, key: Key, **measures: int | bool) -> None:
        """Add to the measures of a key; a longest time is kept if it is longer."""
        told = self.sums[name, key]
        for measure, value in measures.items():
            told[measure] = max(told[measure], value) if measure.endswith("_max_ms") else told[measure] + int(value)

    def of(self, name: str) -> dict[Key, dict[str, int]]:
        """Return what differs from zero of a set."""
        rows = ((key, {m: v for m, v in told.items() if v}) for (one, key), told in self.sums.items() if one == name)
        return {key: told for key, told in rows if told}


def ms(at: datetime) -> int:
    """Return milliseconds since the epoch, cut."""
    return int(at.timestamp() * 1_000_000 + 0.5) // 1000


def attempt(book: Book, fact: Fact, groups: Sequence[int], limits: Limits) -> None:
    """Add an agent's part in an interaction to AGENT, AGENT_GRP and AGENT_QUEUE."""
    f = fact
    offered = any(f[f"customer_{what}_count"] for what in ("dial", "ring", "talk", "handle"))
    accepted = f["customer_handle_count"] > 0
    missed = offered and not accepted and f["end_at"] is not None
    received = not offered and f["resource_role"] not in ("Initiated", "InitiatedConsult")
    taken = ("cons_rcv", "", "post_cons_xfer", "conf_join")

    def over(what: str, unit: str) -> int:
        return sum(int(f[f"{family}_{what}_{unit}".lstrip("_")]) for family in taken) if received else 0

    wrap = f["cons_rcv_acw_count"] + f["after_call_work_count"]
    wrap_ms = f["cons_rcv_acw_duration_ms"] + f["after_call_work_duration_ms"]
    is_short = accepted and f["end_at"] is not None and limits.short_talk is not None
    measures = {
        "offered": offered,
        "accepted": accepted,
        "abandoned_invite": missed and f["result_reason"] == "AbandonedWhileRinging",
        "rejected": missed and f["result_reason"] == "Rejected",
        "notaccepted": missed and f["result_reason"] not in ("AbandonedWhileRinging", "Rejected"),
        "invite": f["customer_ring_count"] + f["customer_dial_count"],
        "invite_time_ms": f["customer_ring_duration_ms"] + f["customer_dial_duration_ms"],
        "engage": f["customer_talk_count"] > 0,
        "engage_time_ms": f["customer_talk_duration_ms"],
        "hold": f["customer_hold_count"] > 0,
        "hold_time_ms": f["customer_hold_duration_ms"],
        "wrap": f["customer_acw_count"],
        "wrap_time_ms": f["customer_acw_duration_ms"],
        "short": f["customer_talk_count"]
        if is_short and f["customer_talk_duration_ms"] <= (limits.short_talk or 0)
        else 0,
        "transfer_init_agent": accepted and f["technical_result"] == "Transferred",
        "xfer_received_accepted": (accepted and f["resource_role"] == "ReceivedTransfer")
        or f["post_cons_xfer_talk_count"] > 0,
        "consult_received_accepted": over("talk", "count") > 0,
        "consult_received_engage_time_ms": over("talk", "duration_ms"),
        "consult_received_hold": over("hold", "count"),
        "consult_received_hold_time_ms": over("hold", "duration_ms"),
        "consult_received_wrap": wrap if received else 0,
        "consult_received_wrap_time_ms": wrap_ms if received else 0,
        "consult_rcv_acc_warm": accepted and f["cons_rcv_talk_count"] > 0,
        "consult_received_warm_engage_time_ms": f["cons_rcv_talk_duration_ms"] if accepted else 0,
        "consult_received_warm_hold": f["cons_rcv_hold_count"] if accepted else 0,
        "consult_received_warm_hold_time_ms": f["cons_rcv_hold_duration_ms"] if accepted else 0,
        "consult_received_warm_wrap": f["cons_rcv_acw_count"] if accepted else 0,
        "consult_received_warm_wrap_time_ms": f["cons_rcv_acw_duration_ms"] if accepted else 0,
        "consult_initiated": f["cons_init_talk_count"] > 0,
        "consult_initiated_time_ms": sum(f[f"cons_init_{what}_duration_ms"] for what in ("dial", "talk", "hold")),
        "conference_initiated": f["conference_initiated_count"],
        "conference_time_ms": _conference_ms(f, received),
    }
    place = (f["tenant_key"], f["start_date_time_key"])
    kind = (f["media_type_key"], f["interaction_type_key"], f["interaction_descriptor_key"])
    book.add("agent", (*place, f["resource_key"], *kind), **measures)
    for group in groups or (-2,):
        book.add("agent_grp", (*place, group, *kind), **measures)
    if f["last_queue_resource_key"] != -2:
        waited = f["queue_duration_ms"] + ms(f["answered_at"]) - ms(f["start_at"]) if accepted else 0
        key = (*place, f["resource_key"], f["last_queue_resource_key"], *kind)
        book.add("agent_queue", key, **measures, accepted_time_ms=waited)


def visit(book: Book, fact: Fact, answer: Fact | None, is_last: bool, limits: Limits) -> None:
    """Add a visit to QUEUE, QUEUE_ACC_AGENT and QUEUE_ABN; ``answer`` is the attempt that answered it."""
    f, result = fact, fact["result"]
    wait = f["total_duration_ms"]
    threshold = limits.answer.get(f["resource_key"])
    within = wait is not None and threshold is not None and wait <= threshold
    accepted, abandoned = result == "answered", result == "abandoned"
    other = result not in ("answered", "abandoned", "waiting")
    answer = answer if accepted else None
    by_agent = answer is not None and answer["is_agent"]
    short = abandoned and wait <= limits.short_abandon
    ringing = f["result_reason"] == "AbandonedWhileRinging"
    is_consult = f["entered_by"] == "consult"
    names = ("tenant_key", "start_date_time_key", "resource_key", "media_type_key", "interaction_type_key")
    about = f["interaction_descriptor_key"]
    if about == -2 and answer is not None:
        about = answer["interaction_descriptor_key"]
    key = (*(f[name] for name in names), about)
    book.add(
        "queue", key, entered=1, consult_entered=is_consult, offered=result not in ("joinempty", "full"),
        accepted=accepted, accepted_agent=by_agent, accepted_thr=accepted and within,
        accepted_time_ms=wait if accepted else 0, accepted_agent_time_ms=wait if by_agent else 0,
        accepted_time_max_ms=wait if accepted else 0, abandoned=abandoned,
        abandoned_waiting=abandoned and not ringing, abandoned_invite=abandoned and ringing, abandoned_short=short,
        abandoned_standard=abandoned and not short, abandoned_thr=abandoned and within,
        abandoned_time_ms=wait if abandoned else 0, abandoned_time_max_ms=wait if abandoned else 0,
        routed_other=result in ("timeout", "exitkey", "transferred"), timed_out=result == "timeout",
        key_pressed=result == "exitkey", transferred_out=result == "transferred",
        cleared=result in ("leaveempty", "joinempty", "full"), left_empty=result == "leaveempty",
        refused_empty=result == "joinempty", refused_full=result == "full", stopped=result == "unknown",
        waiting=result == "waiting", other_thr=other and within, other_time_ms=(wait or 0) if other else 0,
        redirected=max(f["offer_count"] - accepted, 0), consult_accepted=accepted and is_consult,
    )  # fmt: skip
    if answer is not None:
        _answer(book, key, answer, limits)
    bucket = bisect_left(limits.edges, wait) + 1 if wait is not None else 0
    if by_agent:
        sti = {f"accepted_agent_sti_{bucket}": 1}
        book.add("queue_acc_agent", key, accepted_agent=1, accepted_agent_time_ms=wait, **sti)
    if abandoned and is_last:
        book.add("queue_abn", key, abandoned=1, abandoned_time_ms=wait, **{f"abandoned_sti_{bucket}": 1})


def _answer(book: Book, key: Key, a: Fact, limits: Limits) -> None:
    handled = a["customer_handle_count"] > 0
    talked = a["customer_talk_duration_ms"]
    is_short = handled and a["end_at"] is not None and limits.short_talk is not None and talked <= limits.short_talk
    taken = ("cons_rcv", "", "post_cons_xfer", "conf_join")

    def over(what: str) -> int:
        return sum(int(a[f"{family}_{what}_duration_ms".lstrip("_")]) for family in taken) if not handled else 0

    book.add(
        "queue", key, invite_time_ms=a["customer_ring_duration_ms"], engage=a["customer_talk_count"] > 0,
        engage_time_ms=talked, hold=a["customer_hold_count"] > 0, hold_time_ms=a["customer_hold_duration_ms"],
        wrap=a["customer_acw_count"], wrap_time_ms=a["customer_acw_duration_ms"],
        conference_time_ms=_conference_ms(a, not handled), short=is_short,
        transfer_init=handled and a["technical_result"] == "Transferred",
        consult_engage_time_ms=over("talk"), consult_hold_time_ms=over("hold"),
        consult_wrap_time_ms=0 if handled else a["cons_rcv_acw_duration_ms"] + a["after_call_work_duration_ms"],
    )  # fmt: skip


def state_inside(book: Book, fact: Fact, of: Fact, horizon: datetime) -> None:
    """Add a state of an agent inside an interaction to I_AGENT; ``of`` is the attempt that it belongs to."""
    phase = {1: "invite", 2: "invite", 3: "engage", 4: "engage", 5: "hold", 6: "hold"}.get(
        fact["interaction_resource_state_key"], "wrap"
    )
    customer = of["customer_dial_count"] + of["customer_ring_count"] + of["customer_talk_count"] > 0
    for key, begun, clipped in _pieces(fact, horizon, ("resource_key", "media_type_key", "interaction_type_key")):
        if customer:
            book.add("i_agent", key, **{phase: begun, f"{phase}_time_ms": clipped})
        elif of["attempt_kind"] == "consult_out":
            book.add("i_agent", key, consult_initiated=begun and phase == "invite", consult_initiated_time_ms=clipped)
        elif of["attempt_kind"] in ("consult", "consult_queue"):
            book.add("i_agent", key, consult_received=begun and phase == "engage")
            book.add("i_agent", key, **{f"consult_received_{phase}_time_ms": clipped})
        else:
            book.add("i_agent", key, internal_time_ms=clipped)


def state(book: Book, fact: Fact, horizon: datetime) -> None:
    """Add a state of an agent to I_SESS_STATE."""
    names = {1: "logged_on_only", 2: "ready", 3: "not_ready", 4: "wrap", 5: "busy"}
    name = names.get(fact["resource_state_key"])
    for key, begun, clipped in _pieces(fact, horizon, ("resource_key", "media_type_key")):
        book.add("i_sess_state", key, active_time_ms=clipped)
        if name is not None:
            book.add("i_sess_state", key, **{name: begun, f"{name}_time_ms": clipped})


def session(book: Book, fact: Fact) -> None:
    """Add begin and end of a session to I_SESS_STATE."""
    who = (fact["resource_key"], fact["media_type_key"])
    book.add("i_sess_state", (fact["tenant_key"], fact["start_date_time_key"], *who), login=1)
    if fact["end_at"] is not None:
        book.add("i_sess_state", (fact["tenant_key"], fact["end_date_time_key"], *who), logout=1)


def reason(book: Book, fact: Fact, horizon: datetime) -> None:
    """Add a reason to I_STATE_RSN."""
    names = ("resource_key", "media_type_key", "resource_state_key", "resource_state_reason_key")
    for key, begun, clipped in _pieces(fact, horizon, names):
        book.add("i_state_rsn", key, state_rsn=begun, state_rsn_time_ms=clipped)


def interaction(book: Book, fact: Fact, attempts: Sequence[Fact], limits: Limits) -> None:
    """Add an interaction to ID; ``attempts`` are its attempts, those of queues and numbers too."""
    if fact["status"] == 2:
        return
    agents = Book()
    for one in attempts:
        if one["is_agent"]:
            attempt(agents, {**one, "start_date_time_key": 0, "resource_key": 0}, (), limits)
    sums: dict[str, int] = defaultdict(int)
    for told in agents.of("agent").values():
        for name, value in told.items():
            sums[name] += value
    answers = [one["answered_at"] for one in attempts if one["is_agent"] and one["customer_handle_count"] > 0]
    lost = any(
        one["result_reason"] in ("AbandonedWhileQueued", "AbandonedWhileRinging")
        and one["technical_result"] in ("CustomerAbandoned", "Abandoned")
        for one in attempts
    )
    ended, length = fact["end_at"] is not None, fact["duration_ms"] or 0
    abandoned = lost and not answers and ended
    waited = ms(min(answers)) - ms(fact["start_at"]) if answers else 0
    threshold = limits.answer.get(-2)
    short = abandoned and length <= limits.short_abandon
    first = [one for one in attempts if one["irf_anchor"] == 1]
    first = first or [one for one in attempts if one["interaction_resource_ordinal"] == 1]
    about = max((one["interaction_descriptor_key"] for one in first), default=-2)
    place = (fact["tenant_key"], fact["start_date_time_key"])
    key = (*place, fact["media_type_key"], fact["interaction_type_key"], about)
    same = ["engage_time_ms", "hold_time_ms", "wrap_time_ms", "conference_time_ms", "consult_received_accepted"]
    same += ["consult_received_engage_time_ms", "consult_initiated"]
    book.add(
        "id", key, entered=1, finished=ended, stopped=fact["status"] == 1, finished_time_ms=length,
        offered=sums["offered"] > 0, accepted=bool(answers),
        accepted_thr=bool(answers) and threshold is not None and waited <= threshold, accepted_time_ms=waited,
        accepted_time_max_ms=waited, abandoned=abandoned, abandoned_short=short,
        abandoned_standard=abandoned and not short, abandoned_time_ms=length if abandoned else 0,
        transfer_init=sums["transfer_init_agent"], **{name: sums[name] for name in same},
    )  # fmt: skip


def _conference_ms(f: Fact, received: bool) -> int:
    begun = f["conf_init_talk_duration_ms"] + f["conf_init_hold_duration_ms"]
    joined = f["conf_join_talk_duration_ms"] + f["conf_join_hold_duration_ms"]
    return int(begun if received else begun + joined)


def _pieces(fact: Fact, horizon: datetime, names: Sequence[str]) -> Iterator[tuple[Key, bool, int]]:
    """Walk through a span interval by interval: key, whether it begins there, milliseconds of it."""
    start = ms(fact["start_at"])
    end = ms(fact["end_at"]) if fact["end_at"] is not None else max(start, ms(horizon))
    interval, first = start // INTERVAL_MS * INTERVAL_MS, True
    while first or interval < end:
        spent = max(min(end, interval + INTERVAL_MS) - max(start, interval), 0)
        yield (fact["tenant_key"], interval // 1000, *(fact[name] for name in names)), first, spent
        interval, first = interval + INTERVAL_MS, False
