"""The state of a migration, read from query-migrate."""

from typing import Any

import msgspec

from qmpeer.client.answers import count_of, read_answer, text_of


class MigrationState(msgspec.Struct, frozen=True):
    """The state of a migration.

    Attributes:
        status: "setup", "active", "postcopy-active", "completed", "failed", …; new ones may appear.
        transferred: Bytes of memory sent.
        remaining: Bytes still to be sent; it grows when the guest dirties memory again.
        total: Bytes of the guest's memory.
        error: The reason of a failure, or None.
        info: The whole answer to query-migrate.
    """

    status: str
    transferred: int = 0
    remaining: int = 0
    total: int = 0
    error: str | None = None
    info: dict[str, Any] = {}

    @property
    def fraction(self) -> float:
        """The part of the memory that is sent and up to date, from 0 to 1."""
        if self.status == "completed":
            return 1.0
        if self.total <= 0 or self.remaining <= 0:
            return 0.0
        return min(1.0, max(0.0, 1 - self.remaining / self.total))


class _Capability(msgspec.Struct):
    capability: str
    state: bool


def read_migration(answer: object) -> MigrationState:
    """Read the answer to query-migrate."""
    info = read_answer("query-migrate", answer, dict[str, Any], "an object")
    ram = info.get("ram")
    error = info.get("error-desc")
    return MigrationState(
        status=text_of(info.get("status"), "none"),
        transferred=_bytes_of(ram, "transferred"),
        remaining=_bytes_of(ram, "remaining"),
        total=_bytes_of(ram, "total"),
        error=None if error is None else text_of(error, "failed"),
        info=info,
    )


def read_capabilities(answer: object) -> dict[str, bool]:
    """Read the answer to query-migrate-capabilities: each capability, and whether it is enabled."""
    command = "query-migrate-capabilities"
    known = read_answer(command, answer, list[_Capability], "a list of capabilities")
    return {each.capability: each.state for each in known}


def _bytes_of(ram: object, member: str) -> int:
    """Return a number about the memory; 0 if it is missing."""
    return count_of(ram.get(member)) if isinstance(ram, dict) else 0
