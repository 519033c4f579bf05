"""Options of the witness in a third place."""

from functools import partial

from twinmart.config.declaration import Declaration, Effect
from twinmart.config.values import Type

_witness = partial(Declaration, "witness", takes_effect=Effect.AT_ONCE, is_original=False)
_seconds = partial(_witness, type=Type.INTEGER, unit="s")

WITNESS = (
    _witness(
        "place",
        Type.TEXT,
        None,
        "Where the witness is: http(s)://HOST:PORT of etcd, several with commas, or a connection string of PostgreSQL,"
        " without a password; unset: there is none.",
    ),
    _witness("user", Type.TEXT, None, "User at etcd; unset: it asks for none."),
    _witness(
        "password-reference",
        Type.REFERENCE,
        None,
        "Where its password is found: env:NAME, file:/path or keyring:SERVICE/NAME.",
    ),
    _witness("ca-file", Type.TEXT, None, "Certificates that etcd's is checked with; unset: the system's."),
    _witness("name", Type.TEXT, "twinmart", "Name of this pair of sites at the witness."),
    _witness(
        "observe-only",
        Type.BOOLEAN,
        "true",
        "Whether each site only says what it would do: no site fences itself and none takes over.",
    ),
    _seconds(
        "grace-period",
        default="120",
        sentence="How long witness and standby must both have lost the active site; it fences itself after half of it.",
        least=2,
        most=86_400,
    ),
    _seconds("lag-limit", default="60", sentence="How far the standby may be behind at the last contact.", least=0),
    _seconds(
        "verified-within",
        default="86400",
        sentence="How old the last verification may be that found the sites alike.",
        least=60,
    ),
    _seconds(
        "block",
        default="3600",
        sentence="After a change of the active site, none is made by itself for so long.",
        least=0,
    ),
)
