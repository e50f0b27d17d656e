"""What can be said to the connected server: its commands and, if it tells it, its schema."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qmpeer.schema.model import CommandDefinition, EventDefinition, Schema


class Vocabulary:
    """What a server takes.

    Args:
        schema: Its schema; None where it has none to tell, or hasn't told it yet.
        names: The names of its commands, where it only tells these.

    Attributes:
        schema: The schema.
        commands: The commands by their names, None for each of which only the name is known.
        events: The events by their names.

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
        """The commands that can be typed, in order; a server may have any name: "!reboot"."""
        from qmpeer.schema import name_fault  # start: 9 ms

        return tuple(sorted(name for name in self.commands if not name_fault("command", name)))

    @property
    def is_known(self) -> bool:
        """The names of the commands are known, so that one that isn't there is a mistake."""
        return bool(self.commands)

    def has_feature(self, name: str, feature: str) -> bool:
        """Return whether a command has a feature, such as deprecated."""
        command = self.commands.get(name)
        return command is not None and any(each.name == feature for each in command.features)
