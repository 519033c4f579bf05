"""The pair of linked marts."""

from tests.replicate.conftest import pair as pair  # noqa: PLC0414  a fixture of ours too
