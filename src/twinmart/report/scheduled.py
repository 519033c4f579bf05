"""Makes the reports that are due and delivers them: into a folder, or by mail; each once.

A delivery is written down before it is made and again when it is done, both committed. What failed is tried again, a
few times. What a mail server may have taken is never sent again: then it is not known, and says so.
"""

import smtplib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event

from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError, NotDelivered, WrongQuestion
from twinmart.report.answer import ask
from twinmart.report.formats import write_file
from twinmart.report.period import zone_named
from twinmart.report.saved import Schedule, latest_due, saved_report, schedules
from twinmart.settings import read_secret

MOST_ATTEMPTS = 5
_FIRST_PAUSE = timedelta(minutes=1)
_SMTP_TIMEOUT_S = 30

# A delivery that is still being made after so long belonged to a process that died.
_LOST_AFTER = timedelta(minutes=30)

_KINDS = {
    "csv": ("text", "csv"),
    "json": ("application", "json"),
    "html": ("text", "html"),
    "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": ("application", "vnd.apache.parquet"),
}


class _MayHaveBeenTaken(Exception):
    """The mail server had all of a message and did not say what became of it."""


def run_due(
    site: int,
    dsns: Mapping[int, str],
    *,
    stop: Event,
    tell: Callable[[str], None] | None = None,
    now: datetime | None = None,
) -> Mapping[str, object]:
    """Make and deliver every report that is due at the active site; a job body.

    One that cannot be delivered holds up no other; it is tried again later, up to ``MOST_ATTEMPTS`` times.

    Raises:
        MartError: the mart gives no answer.
    """
    now = now or datetime.now(UTC)
    counts = {"done": 0, "failed": 0, "unknown": 0}
    if active_site(dsns) != site:
        return {**counts, "message": "another site is active"}
    with session(dsns[site], application_name="twinmart report", autocommit=True) as mart:
        for delivery in waiting(mart, now):
            if stop.is_set():
                break
            if not _take(mart, delivery, site, now):
                continue
            state = _deliver(mart, dsns[site], site, delivery, now)
            counts[state] += 1
            if tell is not None:
                tell(f"{delivery.schedule.name}: {state}")
    return counts


@dataclass(frozen=True, slots=True)
class Delivery:
    """A report that is due, and what became of earlier attempts; ``state`` is None before the first."""

    schedule: Schedule
    due_at: datetime
    state: str | None = None
    attempts: int = 0
    changed_at: datetime | None = None

    def may_begin(self, now: datetime) -> bool:
        """Whether it may be made now: not done, not given up, the pause over, which doubles with each attempt.

        One that is being made for too long was made by a process that died. What that one mailed nobody knows, but
        into a folder the same file is written again.
        """
        if self.state is None or self.changed_at is None:
            return True
        if self.attempts >= MOST_ATTEMPTS:
            return False
        if self.state == "failed":
            return self.changed_at + _FIRST_PAUSE * (1 << (self.attempts - 1)) <= now
        return self.state == "sending" and self.schedule.folder is not None and self.changed_at < now - _LOST_AFTER


def waiting(mart: Connection, now: datetime) -> list[Delivery]:
    """Return the deliveries that are to be made now, by name of the schedule.

    Raises:
        MartError: a schedule cannot be read.
    """
    found = []
    for schedule in schedules(mart):
        due_at = latest_due(schedule.at_time, zone_named(schedule.zone), schedule.since, now)
        if not schedule.enabled or due_at is None:
            continue
        row = mart.execute(
            "SELECT state, attempts, changed_at FROM ctl.report_delivery WHERE schedule = %s AND due_at = %s",
            (schedule.name, due_at),
        ).fetchone()
        delivery = Delivery(schedule, due_at, *(row or ()))
        if delivery.may_begin(now):
            found.append(delivery)
    return found


def _take(mart: Connection, delivery: Delivery, site: int, now: datetime) -> bool:
    """Write down that the delivery is being made; False if somebody else makes it."""
    row = mart.execute(
        sql_text("report/take_delivery"),
        {
            "schedule": delivery.schedule.name, "due_at": delivery.due_at, "state": delivery.state,
            "attempts": delivery.attempts, "site": site, "now": now,
        },
    ).fetchone()  # fmt: skip
    return row is not None


def _deliver(mart: Connection, dsn: str, site: int, delivery: Delivery, now: datetime) -> str:
    schedule, due_at = delivery.schedule, delivery.due_at
    rows: int | None = None
    target = message = None
    try:
        question = saved_report(mart, schedule.saved_report).asked()
        with ask(dsn, question, site=site, now=due_at) as answer:
            title = answer.asked.report.title
            name = f"{schedule.name}-{due_at:%Y%m%dT%H%MZ}.{schedule.format}"
            if schedule.folder is not None:
                path = Path(schedule.folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                rows, target = write_file(answer, schedule.format, path), str(path)
            else:
                with tempfile.TemporaryDirectory(prefix="twinmart-") as folder:
                    path = Path(folder) / name
                    rows = write_file(answer, schedule.format, path)
                    target = _send(dict(schedule.mail or {}), title, path, schedule.format, answer.about(), due_at)
        state = "done"
    except _MayHaveBeenTaken as error:
        state, message = "unknown", str(error)
    except (MartError, OSError, smtplib.SMTPException) as error:
        state, message = "failed", f"{error}"
    mart.execute(
        "UPDATE ctl.report_delivery SET (state, changed_at, rows, target, message) = (%s, %s, %s, %s, %s)"
        " WHERE schedule = %s AND due_at = %s",
        (state, now, rows, target, message, schedule.name, due_at),
    )
    return state


def _send(
    mail: Mapping[str, object], title: str, path: Path, format_: str, about: Mapping[str, object], due_at: datetime
) -> str:
    """Send a file to the recipients and return them; a message has the same id however often it is tried."""
    recipients = mail.get("to")
    if not isinstance(recipients, list) or not recipients:
        raise WrongQuestion("a schedule by mail has no recipients", hint="Set it again with --mail-to.")
    sender = str(mail.get("from") or "twinmart@localhost")
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(map(str, recipients))
    message["Subject"] = f"{title}, {about['from']} to {about['to']}"
    message["Date"] = due_at
    message["Message-ID"] = f"<{path.stem}@twinmart>"
    message.set_content("\n".join(f"{name}: {value}" for name, value in about.items()) + "\n")
    kind, sub = _KINDS[format_]
    message.add_attachment(path.read_bytes(), maintype=kind, subtype=sub, filename=path.name)
    _hand_over(mail, message)
    return ", ".join(map(str, recipients))


def _hand_over(mail: Mapping[str, object], message: EmailMessage) -> None:
    host, port = str(mail.get("host") or "localhost"), int(str(mail.get("port") or 25))
    security = str(mail.get("security") or "starttls")
    kind = smtplib.SMTP_SSL if security == "tls" else smtplib.SMTP
    with kind(host, port, timeout=_SMTP_TIMEOUT_S) as server:
        if security == "starttls":
            server.starttls()
        if mail.get("user"):
            server.login(str(mail["user"]), read_secret(str(mail["secret"]) if mail.get("secret") else None))
        try:
            refused = server.send_message(message)
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            raise _MayHaveBeenTaken(
                f"the mail server was gone before it said that it has the message: {error}"
            ) from error
    if refused:
        raise NotDelivered(f"the mail server refused {', '.join(refused)}", detail=str(refused))
