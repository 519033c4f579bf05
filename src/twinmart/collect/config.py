"""What one collector process is told: where its source is, where its interaction database is, and how patient to be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask and how long to wait; tests are less patient than a site."""

    connect_s: float = 10.0
    # A switch that says nothing is asked whether it is there, and given up when it does not answer either.
    ping_every_s: float = 10.0
    silent_after_s: float = 30.0
    # The whole state is asked for again, so that what was missed is missed for so long at most.
    state_every_s: float = 300.0
    # How long the source is known to have been heard is told that often.
    heard_every_s: float = 1.0
    # Messages of so long are accepted together: the disk is asked twenty times a second at most.
    gather_s: float = 0.05
    retry_first_s: float = 0.5
    retry_longest_s: float = 30.0
    # A wrong password is not tried often: servers shut out those who do.
    refused_retry_s: float = 60.0
    # How long a collector that is stopped goes on writing what it has accepted; the rest waits in the spool.
    flush_s: float = 10.0


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """One collector: its source and how to log in there, its interaction database, and its own files."""

    name: str
    source: str
    host: str
    port: int
    username: str
    idb_dsn: str = field(repr=False)
    idb_schema: str
    spool_folder: Path
    status_file: Path
    secret: str = field(default="", repr=False)
    # "md5" never shows the password to the network; "plain" is for servers that offer nothing else.
    login: Literal["md5", "plain"] = "md5"
    tls: bool = False
    spool_limit_bytes: int | None = None
    patience: Patience = field(default_factory=Patience)
    # Key of user data that is collected from the start, and whether its value is hidden.
    user_data: dict[str, bool] = field(default_factory=dict)
