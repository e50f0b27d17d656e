"""The check of commands against the server's schema before they are sent."""

import warnings

from qmpeer.errors import CommandError, ValidationError
from qmpeer.messages import qemu_texts
from qmpeer.schema import EMPTY, Schema, Validator, schema_from_introspection
from qmpeer.schema.open_arguments import listed_arguments
from qmpeer.values import JsonObject, JsonValue


class Preflight:
    """A check that rejects the commands that the server would reject, in the server's words.

    Args:
        schema: The server's schema.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._commands = {command.name: command for command in schema.commands()}
        self._validator = Validator(schema)
        self._deprecations = Validator(schema, frozenset({"deprecated"}))
        self._deprecated = {
            command.name: any(feature.name == "deprecated" for feature in command.features)
            for command in schema.commands()
        }
        self._warned: set[str] = set()

    @classmethod
    def of_answer(cls, introspection: JsonValue) -> "Preflight":
        """Build the check from the server's answer to query-qmp-schema.

        Raises:
            SchemaError: If the answer isn't a schema.
        """
        return cls(schema_from_introspection(introspection))

    def check(self, command: str, arguments: JsonObject | None) -> None:
        """Check a command.

        Each deprecated command or argument gives one DeprecationWarning.

        Raises:
            ValidationError: If the server doesn't have the command, or would reject its arguments.
        """
        if command == "qmp_capabilities":
            return
        if command not in self._deprecated:
            desc = qemu_texts.unknown_command(command)
            raise ValidationError(desc, "", "a command of this server", command)
        declared = self._commands[command]
        listed = listed_arguments(self._schema, declared, arguments or {})
        self._validator.check(declared.arguments or EMPTY.name, listed)
        if self._deprecated[command]:
            self._warn(f"command {command} is deprecated")
        try:
            self._deprecations.check(declared.arguments or EMPTY.name, listed)
        except ValidationError as error:
            self._warn(f"argument {error.path} of {command} is deprecated")

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, DeprecationWarning, stacklevel=5)


def no_schema(error: CommandError) -> CommandError:
    """Return the error for a server that has no query-qmp-schema."""
    desc = f"strict=True asks the server for its schema, which it doesn't have: {error.desc}"
    return CommandError(error.error_class, desc, error.command, error.id)
