"""The commands and events of the connected server, with its schema if it has one."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qmpeer.schema.model import CommandDefinition, EventDefinition, Schema


class Vocabulary:
    """The commands and events that a server supports.

    Args:
        schema: The server's schema; None if it isn't known, or not yet.
        names: The names of the commands if there is no schema.

    Attributes:
        schema: The schema.
        commands: The commands by name; None for a command known by name only.
        events: The events by name.

    Example:
        >>> vocabulary = Vocabulary(None, ["stop", "cont"])
        >>> sorted(vocabulary.commands)
        ['cont', 'stop']
    """

    def __init__(self, schema: "Schema | None" = None, names: Iterable[str] = ()) -> None:
        self.schema: Schema | None = schema
        self.commands: dict[str, CommandDefinition | None] = dict.fromkeys(names)
        self.events: dict[str, EventDefinition] = {}
        if schema is not None:
            self.commands.update((command.name, command) for command in schema.commands())
            self.events.update((event.name, event) for event in schema.events())

    @cached_property
    def command_names(self) -> tuple[str, ...]:
        """The sorted names that can be typed; a server may have others, such as "!reboot"."""
        from qmpeer.schema import name_fault  # start: 9 ms

        return tuple(sorted(name for name in self.commands if not name_fault("command", name)))

    @property
    def is_known(self) -> bool:
        """True if the names of the commands are known, so that any other name is an error."""
        return bool(self.commands)

    def has_feature(self, name: str, feature: str) -> bool:
        """Return whether a command has a feature, such as deprecated."""
        command = self.commands.get(name)
        return command is not None and any(each.name == feature for each in command.features)
