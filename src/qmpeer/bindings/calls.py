"""Commands as values and events as types, which a generated binding gives to a client."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from qmpeer.bindings.decoding import Decoder, decoder_of
from qmpeer.bindings.deprecation import warn_once
from qmpeer.bindings.encoding import encode_arguments
from qmpeer.messages import Event, Timestamp
from qmpeer.values import UNSET, JsonObject, JsonValue

R = TypeVar("R")
D = TypeVar("D")


class Command(Generic[R]):
    """A command to execute: its name, arguments and return type.

    Attributes:
        name: The command's name on the wire.
        arguments: The arguments as JSON; None if there are none.

    Example:
        >>> query_name = Command("query-name", None, lambda value: value.get("name"))
        >>> query_name.decode({"name": "vm1"})
        'vm1'
    """

    __slots__ = ("_decode", "arguments", "name")

    def __init__(
        self, name: str, arguments: JsonObject | None, decode: Callable[[JsonValue], R]
    ) -> None:
        self.name: str = name
        self.arguments: JsonObject | None = arguments
        self._decode = decode

    def decode(self, value: JsonValue) -> R:
        """Convert a reply's value to the command's return type."""
        return self._decode(value)

    def decode_json(self, text: bytes) -> R:
        """Convert a reply's value, given as JSON text, to the command's return type.

        Raises:
            msgspec.DecodeError: If the text isn't JSON.
        """
        if isinstance(self._decode, Decoder):
            value: R = self._decode.json(text)
            return value
        return self._decode(msgspec.json.decode(text))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Command):
            return NotImplemented
        return self.name == other.name and (self.arguments or {}) == (other.arguments or {})

    __hash__: ClassVar[None]  # type: ignore[assignment]  # its arguments are mutable

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {self.arguments!r})"


def command(
    name: str,
    arguments: Mapping[str, Any],
    returns: Any,
    extra: Mapping[str, Any] | None = None,
    deprecated: Iterable[str] = (),
) -> Command[Any]:
    """Make a command from typed arguments. Generated functions call this.

    Args:
        name: The command's name on the wire.
        arguments: The arguments by their names on the wire; UNSET ones are left out.
        returns: The return type.
        extra: Further arguments, which aren't in the schema.
        deprecated: Arguments whose use gives a DeprecationWarning.
    """
    sent: JsonObject = {}
    for wire, value in arguments.items():
        if value is not UNSET:
            sent[wire] = encode_arguments(value)
    for wire in deprecated:
        if wire in sent:
            warn_once(f"argument {wire} of {name} is deprecated", calls=1)
    if extra:
        sent.update({wire: encode_arguments(value) for wire, value in extra.items()})
    return Command(name, sent or None, decoder_of(returns))


def union_command(name: str, arguments: Any, returns: Any) -> Command[Any]:
    """Make a command whose arguments are a union. Generated functions call this.

    Args:
        name: The command's name on the wire.
        arguments: One of the union's branches.
        returns: The return type.

    Raises:
        TypeError: If the arguments aren't an object.
    """
    sent = encode_arguments(arguments)
    if not isinstance(sent, dict):
        raise TypeError(f"found {arguments!r} as the arguments of {name}, expected a branch")
    return Command(name, sent, decoder_of(returns))


class TypedEvent(msgspec.Struct, Generic[D], frozen=True):
    """One event with data of its type in a binding.

    Attributes:
        name: The event's name.
        data: The event's data.
        timestamp: The time of the event; None if the server sent none.
        number: The event's number on this connection, counted by the client from 1.
    """

    name: str
    data: D
    timestamp: Timestamp | None = None
    number: int = 0


class EventType(Generic[D]):
    """An event's name and the type of its data.

    Attributes:
        name: The event's name on the wire.
    """

    __slots__ = ("_decode", "name")

    def __init__(self, name: str, decode: Callable[[JsonObject], D]) -> None:
        self.name: str = name
        self._decode = decode

    def decode(self, data: JsonObject) -> D:
        """Convert an event's data to its type; pass {} if the event had no data."""
        return self._decode(data)

    def typed(self, event: Event) -> TypedEvent[D]:
        """Convert an event of this name to a `TypedEvent`."""
        return TypedEvent(event.name, self._decode(event.data), event.timestamp, event.number)

    def __repr__(self) -> str:
        return f"EventType({self.name!r})"


def event_type(name: str, data: Any) -> EventType[Any]:
    """Make an event type. Generated bindings call this.

    Args:
        name: The event's name on the wire.
        data: The type of its data.
    """

    def decode(value: JsonObject) -> Any:  # the decoder is made for the first event
        return decoder_of(data)(value)

    return EventType(name, decode)
