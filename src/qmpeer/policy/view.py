"""A client's view of its server: what the server tells about itself, without what is hidden.

Hidden commands, and events that the client may not have, are missing in query-commands,
query-events and query-qmp-schema. So are the types that only they use; what stays is a schema.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from qmpeer.messages import CAPABILITIES_COMMAND
from qmpeer.values import JsonObject, JsonValue

COMMANDS: Final = "query-commands"
EVENTS: Final = "query-events"
SCHEMA: Final = "query-qmp-schema"


class ClientView:
    """The view of one client.

    Args:
        is_hidden: Returns True for the name of a command that the client can't have.
        events: The names of the events that it may have.

    Example:
        >>> view = ClientView(lambda name: name == "quit", ["STOP"])
        >>> view.shown("query-commands", [{"name": "quit"}, {"name": "stop"}])
        [{'name': 'stop'}]
        >>> view.shown("query-events", [{"name": "STOP"}, {"name": "RESUME"}])
        [{'name': 'STOP'}]
    """

    __slots__ = ("_answer", "_events", "_is_hidden", "_schema")

    def __init__(self, is_hidden: Callable[[str], bool], events: Container[str]) -> None:
        self._is_hidden = is_hidden
        self._events = events
        self._answer: JsonValue = None  # the server's last schema, and what is shown of it
        self._schema: JsonValue = None

    def shown(self, command: str, value: JsonValue) -> JsonValue:
        """Return a command's return value as the client sees it.

        Args:
            command: The command.
            value: What the server returned, which stays as it is.

        Returns:
            The same object if nothing in it is hidden.
        """
        if command == SCHEMA and isinstance(value, list):
            if value is not self._answer:
                self._answer, self._schema = value, self._of_schema(value)
            return self._schema
        if command in (COMMANDS, EVENTS) and isinstance(value, list):
            sees = self._sees_command if command == COMMANDS else self._sees_event
            kept = [each for each in value if (name := _name(each)) is not None and sees(name)]
            return value if len(kept) == len(value) else kept
        return value

    def _sees_command(self, name: str) -> bool:
        return name == CAPABILITIES_COMMAND or not self._is_hidden(name)

    def _sees_event(self, name: str) -> bool:
        return name in self._events

    def _of_schema(self, answer: list[JsonValue]) -> JsonValue:
        """Return the entries of an answer that the client sees, in their order."""
        kept: set[int] = set()
        used: list[str] = []
        types: dict[str, JsonObject] = {}
        for entry in answer:
            name = _name(entry)
            if name is None or not isinstance(entry, dict):
                continue
            match entry.get("meta-type"):
                case "command":
                    is_shown = self._sees_command(name)
                case "event":
                    is_shown = self._sees_event(name)
                case _:
                    types[name] = entry
                    continue
            if is_shown:
                kept.add(id(entry))
                used += _types_used(entry)
        while used:
            found = types.pop(used.pop(), None)
            if found is not None:
                kept.add(id(found))
                used += _types_used(found)
        shown = [entry for entry in answer if id(entry) in kept]
        return answer if len(shown) == len(answer) else shown


def _name(entry: JsonValue) -> str | None:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _types_used(entry: JsonObject) -> Iterator[str]:
    """Give the names of the types that an entry uses."""
    parts: Iterable[JsonValue] = [
        entry,
        *_list(entry.get("members")),
        *_list(entry.get("variants")),
    ]
    for part in parts:
        if isinstance(part, dict):
            for key in ("arg-type", "ret-type", "element-type", "type"):
                name = part.get(key)
                if isinstance(name, str):
                    yield name


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
