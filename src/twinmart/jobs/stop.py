"""How a job is told to stop, and by whom."""

from threading import Event as Signal

# A job that the schedule ends, for its time is over, is done.
BY_REQUEST, BY_SERVER, BY_SCHEDULE = "request", "server", "schedule"


class Stop(Signal):
    """Tells a job to stop at its next safe point, and remembers who wanted it."""

    def __init__(self, by: str | None = None) -> None:
        super().__init__()
        self.by = by

    def ask(self, by: str) -> None:
        """Tell it; the first word counts."""
        self.by = self.by or by
        self.set()
