"""Translation between the values of a generated binding and QMP's names and arguments."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

from qmpeer.messages import Event
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.bindings import Command, EventType, TypedEvent
    from qmpeer.schema import Differences, Schema


EventName: TypeAlias = Union[str, "EventType[Any]"]
"""An event's name, or its type in a binding."""


class Binding(Protocol):
    """The module of a generated binding, as far as it describes its schema."""

    @property
    def SCHEMA_HASH(self) -> str:
        """The hash of the schema's introspection."""

    def schema(self) -> "Schema":
        """Return the schema that the binding was generated from."""


class EventTypes:
    """The events that a caller asked for, and their types in a binding.

    Attributes:
        names: The names of the events; an empty tuple means all.
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
        """Return the event, as a `TypedEvent` if the caller asked for it by its type."""
        event_type = self._types.get(event.name)
        return event if event_type is None else event_type.typed(event)


def event_types(names: "EventName | Iterable[EventName] | None") -> EventTypes:
    """Normalize one event name or type, several, or None for all."""
    if names is None:
        return EventTypes(())
    # decode() marks an EventType, whose module isn't imported here: that would delay a client's
    # start.
    if isinstance(names, str) or hasattr(names, "decode"):
        return EventTypes((names,))  # type: ignore[arg-type]  # no iterable has decode()
    return EventTypes(names)


def one_event(wanted: object) -> EventTypes:
    """Normalize the event to wait for: its name or its type; True, the documented one, is no name.

    Raises:
        TypeError: If it is something else.
    """
    if wanted is True:
        return EventTypes(())
    is_named = wanted != "" if isinstance(wanted, str) else hasattr(wanted, "decode")
    if is_named:
        return EventTypes((wanted,))  # type: ignore[arg-type]  # a name or a type
    raise TypeError(
        f"found {wanted!r} as until, expected the name or the type of one event, or True"
    )


def event_names(wanted: "EventName | Iterable[EventName] | None") -> tuple[str, ...] | None:
    """Normalize the events that the argument `failing` names; None remains None.

    Raises:
        TypeError: If they are neither names nor types of events.
    """
    if wanted is None:
        return None
    try:
        found = event_types(wanted).names
        if all(found) and {*map(type, found)} <= {str}:
            return found
    except (AttributeError, TypeError):  # not iterable, or of something else
        pass
    raise TypeError(f"found {wanted!r} as failing, expected names or types of events")


def compare(binding: Binding, introspection: JsonValue) -> "Differences":
    """Compare a binding's schema with a server's answer to query-qmp-schema."""
    from qmpeer import schema  # start: 40 ms

    # Equal hashes spare building and comparing two models.
    found = schema.introspection_hash(introspection) if isinstance(introspection, list) else ""
    if found == binding.SCHEMA_HASH:
        return schema.Differences()
    return schema.differences(binding.schema(), schema.schema_from_introspection(introspection))


def named(
    command: "str | Command[Any]", arguments: JsonObject | None
) -> tuple[str, dict[str, Any]]:
    """Return a command's name and arguments, given its name or a binding's command."""
    if isinstance(command, str):
        return command, dict(arguments or {})
    return command.name, dict(command.arguments or {})
