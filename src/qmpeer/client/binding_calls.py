"""Calls by a generated binding's values: which names and types they stand for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

from qmpeer.messages import Event
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.bindings import Command, EventType, TypedEvent
    from qmpeer.schema import Differences, Schema


EventName: TypeAlias = Union[str, "EventType[Any]"]
"""An event by its name, or by its type in a binding."""


class Binding(Protocol):
    """What a generated binding says of the schema that it is for."""

    @property
    def SCHEMA_HASH(self) -> str:
        """The hash of its introspection."""

    def schema(self) -> "Schema":
        """Return its model."""


class EventTypes:
    """The events that are wanted, and as what they are handed out.

    Attributes:
        names: The names of the events; none means all.
    """

    __slots__ = ("_types", "names")

    def __init__(self, wanted: Iterable[EventName]) -> None:
        self._types: dict[str, EventType[Any]] = {}
        names: list[str] = []
        for each in wanted:
            if isinstance(each, str):
                names.append(each)
            else:
                names.append(each.name)
                self._types[each.name] = each
        self.names: tuple[str, ...] = tuple(names)

    def hand_out(self, event: Event) -> "Event | TypedEvent[Any]":
        """Return the event, with data of its type if it was asked for by that."""
        event_type = self._types.get(event.name)
        return event if event_type is None else event_type.typed(event)


def event_types(names: "EventName | Iterable[EventName] | None") -> EventTypes:
    """Return what one name, several, or none at all ask for."""
    if names is None:
        return EventTypes(())
    if isinstance(names, str) or hasattr(names, "decode"):
        return EventTypes((names,))  # type: ignore[arg-type]  # no iterable has decode()
    return EventTypes(names)


def compare(binding: Binding, introspection: JsonValue) -> "Differences":
    """Compare a binding's schema with what a server answered to query-qmp-schema."""
    from qmpeer import schema  # start: 40 ms

    found = schema.introspection_hash(introspection) if isinstance(introspection, list) else ""
    if found == binding.SCHEMA_HASH:
        return schema.Differences()
    return schema.differences(binding.schema(), schema.schema_from_introspection(introspection))


def named(
    command: "str | Command[Any]", arguments: JsonObject | None
) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a command, be it a binding's or not."""
    if isinstance(command, str):
        return command, dict(arguments or {})
    return command.name, dict(command.arguments or {})
