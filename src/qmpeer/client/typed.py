"""Typed calls, for both clients: which names and types a binding's values stand for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

from qmpeer.messages import Event
from qmpeer.values import JsonValue

if TYPE_CHECKING:
    from qmpeer.bindings import EventType, TypedEvent
    from qmpeer.schema import Differences, Schema

__all__ = ["Binding", "EventName", "EventTypes", "compare", "event_types"]

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
    """Know which events are wanted, and as what they are handed out.

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
        if event_type is None:
            return event
        from qmpeer.bindings import TypedEvent

        data = event_type.decode(event.data)
        return TypedEvent(event.name, data, event.timestamp, event.number)


def event_types(names: "EventName | Iterable[EventName] | None") -> EventTypes:
    """Return what one name, several, or none at all ask for."""
    if names is None:
        return EventTypes(())
    if isinstance(names, str) or hasattr(names, "decode"):
        return EventTypes((names,))  # type: ignore[arg-type]  # no iterable has decode()
    return EventTypes(names)


def compare(binding: Binding, introspection: JsonValue) -> "Differences":
    """Compare a binding's schema with what a server answered to query-qmp-schema."""
    from qmpeer.schema import (
        Differences,
        differences,
        introspection_hash,
        schema_from_introspection,
    )

    if isinstance(introspection, list) and introspection_hash(introspection) == binding.SCHEMA_HASH:
        return Differences()
    return differences(binding.schema(), schema_from_introspection(introspection))
