"""The checks of a script, and of what arrives, against a schema."""

from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from qmpeer.errors import ScriptError
from qmpeer.script.places import calling_place
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.script.schema_sources import SchemaSource


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

    def oob(self, name: str) -> str | None:
        """Check that a command may be executed out of band, in QEMU's words. It exists."""

    def deprecation(self, name: str, arguments: JsonObject) -> str | None:
        """Return what is deprecated in a command that arrived and fits, if that is to fail."""

    def reply(self, name: str, value: JsonValue) -> str | None:
        """Check a command's return value. The command exists."""

    def error(self, error_class: str) -> str | None:
        """Check the class of an error."""

    def event(self, name: str, data: JsonObject | None) -> str | None:
        """Check that an event exists, and its data."""

    def known_reply(self, name: str, value: JsonValue) -> JsonValue:
        """Return a return value without the members that the schema lacks."""

    def known_event(self, name: str, data: JsonObject) -> JsonObject:
        """Return an event's data without the members that the schema lacks."""

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

    def oob(self, name: str) -> str | None:
        return None

    def deprecation(self, name: str, arguments: JsonObject) -> str | None:
        return None

    def reply(self, name: str, value: JsonValue) -> str | None:
        return None

    def error(self, error_class: str) -> str | None:
        return None

    def event(self, name: str, data: JsonObject | None) -> str | None:
        return None

    def known_reply(self, name: str, value: JsonValue) -> JsonValue:
        return value

    def known_event(self, name: str, data: JsonObject) -> JsonObject:
        return data

    def introspection(self) -> JsonValue:
        return None

    def command_names(self) -> list[str]:
        return []


NO_CHECKS: Final[Checks] = _NoChecks()


def checks_for(schema: "SchemaSource | None", deprecated: str = "accept") -> Checks:
    """Return the checks against a schema; None checks nothing.

    Args:
        schema: The schema, or its source; see `ScriptedServer`.
        deprecated: "fail" to report the use of what is deprecated, otherwise "accept".

    Raises:
        ScriptError: If there is no schema at the source, or a faulty one.
    """
    if deprecated not in ("accept", "fail"):
        reason = f'found deprecated={deprecated!r}, expected "accept" or "fail"'
        raise ScriptError(reason, str(calling_place()))
    if schema is None:
        if deprecated == "fail":
            reason = 'found deprecated="fail" without a schema, expected one'
            raise ScriptError(reason, str(calling_place()))
        return NO_CHECKS
    from qmpeer.script.schema_sources import checks_of  # start: 40 ms

    return checks_of(schema, rejects_deprecated=deprecated == "fail")


_NOTICE: Final = (
    'nothing was checked against a schema; schema="installed" takes that of the QEMU on PATH'
)
_notices: Final = count()


def unchecked_notice(checks: Checks) -> str:
    """Return a sentence about a script without a schema, once in each process; otherwise ""."""
    return _NOTICE if checks is NO_CHECKS and next(_notices) == 0 else ""
