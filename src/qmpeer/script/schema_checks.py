"""The checks of a script, and of what arrives, against a schema."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from qmpeer.errors import ValidationError
from qmpeer.messages import CAPABILITIES_COMMAND, near_names
from qmpeer.messages.qemu_texts import no_oob
from qmpeer.schema import EMPTY, CommandDefinition, Schema, Validator
from qmpeer.schema.introspection import introspection_of
from qmpeer.schema.open_arguments import has_open_arguments, listed_arguments
from qmpeer.script.type_faults import TypeFaults
from qmpeer.values import JsonObject, JsonValue

_ERROR_CLASSES: Final = (
    "GenericError",
    "CommandNotFound",
    "DeviceNotActive",
    "DeviceNotFound",
    "KVMMissingCap",
)
"""The classes of errors since QEMU 1.2. Introspection doesn't list them."""


class SchemaChecks:
    """The checks against the schema of one release; see `Checks`.

    Args:
        schema: The schema, without conditions.
        rejects_deprecated: Report the use of what is deprecated.

    Example:
        >>> from qmpeer.schema import BUILT_INS
        >>> checks = SchemaChecks(Schema(BUILT_INS, (CommandDefinition(name="stop"),)))
        >>> checks.command("stpo")
        'the schema has no such command; similar: stop'
    """

    def __init__(self, schema: Schema, rejects_deprecated: bool = False) -> None:
        self._schema = schema
        self._commands = {each.name: each for each in schema.commands()}
        self._events = {each.name: each.arguments or EMPTY.name for each in schema.events()}
        self._validator = Validator(schema)
        self._faults = TypeFaults(schema, self._validator)
        self._deprecations = (
            Validator(schema, frozenset({"deprecated"})) if rejects_deprecated else None
        )

    def command(self, name: str) -> str | None:
        """Check that a command exists."""
        if name in self._commands or name == CAPABILITIES_COMMAND:
            return None
        return f"the schema has no such command{_similar(name, self._commands)}"

    def pattern(self, name: str, arguments: JsonObject) -> str | None:
        """Check some of a command's expected arguments, their patterns left out."""
        command = self._commands.get(name)
        if command is None:  # qmp_capabilities in a schema without it
            return None
        is_open = has_open_arguments(self._schema, command)
        of = command.arguments or EMPTY.name
        return self._faults.of_pattern(of, arguments, "arguments", is_open=is_open)

    def arguments(self, name: str, arguments: JsonObject) -> str | None:
        """Check the arguments that arrived, in QEMU's words."""
        error = self._refusal(self._validator, self._commands[name], arguments)
        return None if error is None else error.desc

    def oob(self, name: str) -> str | None:
        """Check that a command may be executed out of band, in QEMU's words."""
        return None if self._commands[name].allow_oob else no_oob(name)

    def deprecation(self, name: str, arguments: JsonObject) -> str | None:
        """Return what is deprecated in a command that arrived and fits, if that is to fail."""
        if self._deprecations is None:
            return None
        command = self._commands[name]
        if any(each.name == "deprecated" for each in command.features):
            return "the command is deprecated"
        error = self._refusal(self._deprecations, command, arguments)
        return None if error is None else f"arguments.{error.path} is deprecated"

    def _refusal(
        self, validator: Validator, command: CommandDefinition, arguments: JsonObject
    ) -> ValidationError | None:
        """Return what a validator has against arguments."""
        listed = listed_arguments(self._schema, command, arguments)
        try:
            validator.check(command.arguments or EMPTY.name, listed)
        except ValidationError as error:
            return error
        return None

    def reply(self, name: str, value: JsonValue) -> str | None:
        """Check a command's return value."""
        command = self._commands.get(name)
        if command is None:
            return None
        if not command.has_response:
            return "found a reply, the schema has none: success has no response"
        return self._faults.of_value(command.returns or EMPTY.name, value, "return")

    def error(self, error_class: str) -> str | None:
        """Check the class of an error."""
        if error_class in _ERROR_CLASSES:
            return None
        similar = _similar(error_class, _ERROR_CLASSES)
        return f"error.class: found {error_class}, QEMU has no such class{similar}"

    def event(self, name: str, data: JsonObject | None) -> str | None:
        """Check that an event exists, and its data."""
        if name not in self._events:
            return f"the schema has no event {name}{_similar(name, self._events)}"
        fault = self._faults.of_value(self._events[name], data or {}, "data")
        return None if fault is None else f"event {name}: {fault}"

    def known_reply(self, name: str, value: JsonValue) -> JsonValue:
        """Return a return value without the members that the schema lacks."""
        command = self._commands.get(name)
        if command is None or command.returns is None:
            return value
        return self._faults.known_part(command.returns, value)

    def known_event(self, name: str, data: JsonObject) -> JsonObject:
        """Return an event's data without the members that the schema lacks."""
        known = self._faults.known_part(self._events.get(name, EMPTY.name), data)
        assert isinstance(known, dict)
        return known

    def introspection(self) -> JsonValue:
        """Return the answer to query-qmp-schema."""
        return self._introspection

    @cached_property
    def _introspection(self) -> JsonValue:
        return [*introspection_of(self._schema)]

    def command_names(self) -> list[str]:
        """Return the names of all commands, in the order of query-commands."""
        return [*reversed(self._commands)]


def _similar(name: str, names: Iterable[str]) -> str:
    near = near_names(name, names)
    return f"; similar: {', '.join(near)}" if near else ""
