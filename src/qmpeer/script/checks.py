"""The checks of a script, and of what arrives, against a schema."""

from typing import Final, Protocol

from qmpeer.values import JsonObject, JsonValue


class Checks(Protocol):
    """The checks of one release's schema. Each returns what is wrong, or None.

    What is wrong is a sentence without a full stop that says what was found and what the schema
    has.
    """

    def command(self, name: str) -> str | None:
        """Check that a command exists."""

    def pattern(self, name: str, arguments: JsonObject) -> str | None:
        """Check some of a command's expected arguments: their names and types, patterns left out.

        The command exists.
        """

    def arguments(self, name: str, arguments: JsonObject) -> str | None:
        """Check the arguments that arrived, in QEMU's words. The command exists."""

    def deprecation(self, name: str, arguments: JsonObject) -> str | None:
        """Return what is deprecated in a command that arrived and fits, if that is to fail."""

    def reply(self, name: str, value: JsonValue) -> str | None:
        """Check a command's return value. The command exists."""

    def event(self, name: str, data: JsonObject | None) -> str | None:
        """Check that an event exists, and its data."""

    def introspection(self) -> JsonValue:
        """Return the answer to query-qmp-schema."""

    def command_names(self) -> list[str]:
        """Return the names of all commands, in the order of query-commands."""


class _NoChecks:
    """Checks without a schema: everything is right."""

    def command(self, name: str) -> str | None:
        return None

    def pattern(self, name: str, arguments: JsonObject) -> str | None:
        return None

    def arguments(self, name: str, arguments: JsonObject) -> str | None:
        return None

    def deprecation(self, name: str, arguments: JsonObject) -> str | None:
        return None

    def reply(self, name: str, value: JsonValue) -> str | None:
        return None

    def event(self, name: str, data: JsonObject | None) -> str | None:
        return None

    def introspection(self) -> JsonValue:
        return None

    def command_names(self) -> list[str]:
        return []


NO_CHECKS: Final[Checks] = _NoChecks()
