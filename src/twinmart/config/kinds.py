"""What an object is, and what each kind of them is like: its properties, checked when they are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from twinmart.config.attached import COLUMNS_IN_WORDS, KEY_IN_WORDS, Rule, is_column, is_key, is_secret
from twinmart.config.values import Type
from twinmart.model.formula import parse

Number: TypeAlias = Annotated[int, Field(ge=1, le=99)]
Role: TypeAlias = Literal["ICON_CFG", "ICON_CORE", "ICON_MM", "ICON_OCS", "INFO_MART"]

# The usual port of the agent that starts and stops processes on a host, and the least that it may have.
LCA_PORT, LEAST_LCA_PORT = 4999, 2000


def _reference(text: str) -> str:
    try:
        Type.REFERENCE.parse(text)
    except ValueError:
        # What was given may be the password itself, so it is not repeated.
        told = "the secret itself is never stored: write env:NAME, file:PATH or keyring:SERVICE/NAME"
        raise ValueError(told) from None
    return text


Secret: TypeAlias = Annotated[str, AfterValidator(_reference)]


class Properties(BaseModel):
    """Properties of an object; what is not told is left out."""

    # Built when one is met first: all of them at once would hold up the start of every command.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    kind: ClassVar[str]
    # Property that names another object, and the kind of that.
    refers: ClassVar[dict[str, str]] = {}

    description: str | None = Field(None, description="in your words")


class Tenant(Properties):
    """A business whose figures are its own."""

    kind = "tenant"


class Site(Properties):
    """A place with a mart of its own; its name is its number."""

    kind = "site"


class Host(Properties):
    """A machine on which applications run."""

    kind = "host"
    refers = {"site": "site"}

    site: Number = Field(description="site at which it stands")
    address: str | None = Field(None, description="name or address by which others reach it")
    lca_port: int = Field(
        LCA_PORT,
        ge=1,
        le=65535,
        description="port of the agent that starts processes there; below 2000 it becomes 4999",
    )


class StartUp(BaseModel):
    """What an application is told when it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    configuration_database: Number | None = Field(None, description="site whose copy of the configuration it reads")


class Application(Properties):
    """A process; one object stands for it wherever it runs, so that a move changes its host and nothing else."""

    kind = "application"
    refers = {"host": "host"}

    type: Literal["mart_server", "console", "report_server", "replication"] = Field(description="what it is")
    host: str | None = Field(None, description="host on which it runs")
    start_up_arguments: StartUp = Field(default_factory=StartUp, description="what it is told when it starts")


class AccessPoint(Properties):
    """How one database is reached, and what for."""

    kind = "access_point"
    refers = {"site": "site"}

    role: Role = Field(description="what the database is")
    site: Number = Field(description="site at which it stands")


class Source(Properties):
    """A telephony server."""

    kind = "source"
    refers = {"site": "site", "tenant": "tenant"}

    protocol: Literal["asterisk-ami"] = Field("asterisk-ami", description="what it speaks")
    site: Number = Field(description="site at which it stands")
    host: str | None = Field(None, description="address of its management interface")
    port: int | None = Field(None, ge=1, le=65535, description="port of its management interface")
    tls: bool = Field(default=False, description="whether the connection is encrypted")
    username: str | None = Field(None, description="account of the collectors there")
    secret: Secret | None = Field(None, description="where its password is found")
    tenant: str | None = Field(None, description="tenant whose calls it switches; else the default one")


class Collector(Properties):
    """One of the two collectors of a source; an application too."""

    kind = "collector"
    refers = {"source": "source", "site": "site", "host": "host"}

    source: str = Field(description="source that it listens to")
    twin: Literal["a", "b"] = Field(description="a stands at the source's own site, b at another")
    site: Number = Field(description="site of its interaction database")
    idb_schema: str = Field(min_length=1, max_length=63, description="schema of its interaction database")
    host: str | None = Field(None, description="host on which it runs")


class Agent(Properties):
    """A person who takes calls; the name is source and interface."""

    kind = "agent"
    refers = {"source": "source"}

    source: str | None = Field(None, description="source at which the agent works")
    natural_name: str | None = Field(None, description="interface by which the source knows the agent")
    full_name: str | None = Field(None, description="name of the person")
    employee_id: str | None = Field(None, description="number of the person")
    skills: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict, description="levels by skill")


class Login(Properties):
    """A code with which an agent logs in, or an endpoint."""

    kind = "login"
    refers = {"source": "source", "agent": "agent"}

    source: str | None = Field(None, description="source that it is for")
    agent: str | None = Field(None, description="agent who uses it")


class AgentGroup(Properties):
    """Agents who belong together."""

    kind = "agent_group"
    refers = {"source": "source", "agents": "agent"}

    source: str | None = Field(None, description="source at which they work")
    agents: tuple[str, ...] = Field((), description="its agents")
    since: AwareDatetime | None = Field(None, description="when its first agents joined, if before it was configured")


class Queue(Properties):
    """A queue, at one source or, without one, of that name at every source."""

    kind = "queue"
    refers = {"source": "source"}

    source: str | None = Field(None, description="source that has it")
    queue: str = Field(min_length=1, description="name by which the source knows it")


class QueueGroup(Properties):
    """Queues that are reported on together."""

    kind = "queue_group"
    refers = {"queues": "queue"}

    queues: tuple[str, ...] = Field((), description="its queues")
    since: AwareDatetime | None = Field(None, description="when its first queues joined, if before it was configured")


class Skill(Properties):
    """Something that agents can do to some level."""

    kind = "skill"


def _formula(text: str) -> str:
    return parse(text).text


class Measure(Properties):
    """A measure of one's own, shown by every report that has the sums it is made of; its name begins with own_."""

    kind = "measure"

    subject: Literal[
        "queue", "agent", "agent_activity", "agent_reason", "interaction", "accept_speed", "abandon_delay"
    ] = Field(description="whose measures its formula names, as in docs/reference/measures.md")
    title: str = Field(min_length=1, max_length=80, description="heading of its column")
    words: str = Field(min_length=1, max_length=400, description="what it means")
    unit: Literal["count", "seconds", "share"] = Field(description="count, seconds, or share of 1")
    formula: Annotated[str, AfterValidator(_formula)] = Field(
        description="names of summed measures, numbers, + - * / and brackets"
    )


class Calendar(Properties):
    """A calendar; its options stand in a section of application "mart"."""

    kind = "calendar"

    section: str = Field("date-time", pattern=r"date-time(-[A-Za-z0-9_-]+)?", description="section of its options")


def _key(text: str) -> str:
    if not is_key(text):
        raise ValueError(KEY_IN_WORDS)
    return text


def _column(text: str) -> str:
    if not is_column(text):
        raise ValueError(COLUMNS_IN_WORDS)
    return text


class Goes(BaseModel):
    """How the value of a key comes to a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Rule = Field(Rule.CALL, description="which of several values counts")
    default: str | None = Field(None, description="value where there is none")


class UserDataKey(Properties):
    """A value that calls carry and that is collected; its name is the key, or source and key."""

    kind = "user_data_key"
    refers = {"source": "source"}

    source: str | None = Field(None, description="source of which it is collected; else all")
    key: Annotated[str, AfterValidator(_key)] = Field(description="channel variable, or key of a user event")
    masked: bool = Field(default=False, description="whether the value is hidden before it is stored")
    link: bool = Field(default=False, description="whether calls with equal values are one interaction")
    to: dict[Annotated[str, AfterValidator(_column)], Goes] = Field(
        default_factory=dict, description="columns to which the value goes, each with rule and default"
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if is_secret(self.key) and not self.masked:
            raise ValueError("it looks like a secret, so it can only be masked")
        if self.masked and self.link:
            raise ValueError("what is masked is the same for every call and cannot link any")
        return self


KINDS: dict[str, type[Properties]] = {
    one.kind: one
    for one in (
        Tenant, Site, Host, Application, AccessPoint, Source, Collector, Agent, Login, AgentGroup, Queue, QueueGroup,
        Skill, Measure, Calendar, UserDataKey,
    )
}  # fmt: skip

# Kinds that other kinds of the table above may be connected to, and which may have options.
CONNECTED = {"application": ("application", "collector", "access_point"), "collector": ("source", "access_point")}
WITH_OPTIONS = ("application", "collector", "tenant", "source", "queue")


@dataclass(frozen=True, slots=True)
class Object:
    """One object as it is, or was at a revision. Options by section and name; connections as pairs of kind and name."""

    kind: str
    name: str
    enabled: bool = True
    discovered: bool = False
    revision: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[tuple[str, str], str] = field(default_factory=dict)
    connections: frozenset[tuple[str, str]] = frozenset()
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def label(self) -> str:
        """Kind and name, as commands take them."""
        return f"{self.kind}/{self.name}"
