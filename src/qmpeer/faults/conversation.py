"""The messages of a conversation: commands, the replies to them, events.

A reply belongs to the oldest unanswered command with its id, or to the oldest one without an id if
it has none. Only the commands that the server got count.
"""

from collections import deque
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.transcript.entries import Sender
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from qmpeer.wire import ServerReader, encode_compact

_decode: Final = msgspec.json.Decoder().decode


class Command:
    """A command that the server has got, or that is answered in its place.

    Attributes:
        name: Its name.
        arguments: Its arguments.
        id: Its id as JSON, or None.
        is_oob: True if it is to be executed out of band.
        answer: The answer in place of the server's, or None.
    """

    __slots__ = ("answer", "arguments", "id", "is_oob", "name")

    def __init__(
        self, name: str, arguments: JsonObject, id: bytes | None, *, is_oob: bool = False
    ) -> None:
        self.name: str = name
        self.arguments: JsonObject = arguments
        self.id: bytes | None = id
        self.is_oob: bool = is_oob
        self.answer: bytes | None = None


class Sight(msgspec.Struct, frozen=True):
    """The facts about a message.

    Attributes:
        sender: Who sent it.
        number: Its number among the sender's messages, from 1.
        command: The command that it is, or that it answers; None for others.
        is_reply: True if it is a reply.
        is_greeting: True if it is the greeting.
        event: The event's name, or "".
        data: The event's data.
    """

    sender: Sender
    number: int
    command: Command | None = None
    is_reply: bool = False
    is_greeting: bool = False
    event: str = ""
    data: JsonObject = {}


class Conversation:
    """The unanswered commands of one connection."""

    def __init__(self) -> None:
        self._unanswered: dict[int, Command] = {}  # in order
        self._by_id: dict[bytes | None, deque[int]] = {}
        self._next = 0
        self._answers = 0
        self._renamed: dict[bytes, bytes] = {}

    @property
    def has_renamed(self) -> bool:
        """True if the reply to a command still has to get another id."""
        return bool(self._renamed)

    @property
    def has_answers(self) -> bool:
        """True if an answer in place of the server's waits for earlier replies."""
        return self._answers > 0

    def look_at(self, sender: Sender, number: int, raw: bytes) -> Sight:
        """Return what a message is; a reply's command is then answered."""
        value = _read(raw)
        if value is None:
            return Sight(sender, number)
        id = _as_json(value.get("id", UNSET))
        if sender is Sender.CLIENT:
            name = value.get("execute", value.get("exec-oob"))
            arguments = value.get("arguments")
            if not isinstance(name, str):
                return Sight(sender, number)
            given = arguments if isinstance(arguments, dict) else {}
            command = Command(name, given, id, is_oob="exec-oob" in value)
            return Sight(sender, number, command)
        if "return" in value or "error" in value:
            return Sight(sender, number, self._answered(id), is_reply=True)
        event, data = value.get("event"), value.get("data")
        return Sight(
            sender,
            number,
            is_greeting="QMP" in value,
            event=event if isinstance(event, str) else "",
            data=data if isinstance(data, dict) else {},
        )

    def add(self, command: Command) -> None:
        """Note a command that the server gets, or that has an answer already."""
        if len(self._unanswered) >= limits.FAULT_COMMANDS:
            self._remove(next(iter(self._unanswered)))
        self._unanswered[self._next] = command
        self._answers += command.answer is not None
        self._by_id.setdefault(command.id, deque()).append(self._next)
        self._next += 1

    def take_answers(self) -> list[bytes]:
        """Return the answers in place of the server's, up to the first command without one.

        Spec: in-band commands are answered in order.
        """
        answers: list[bytes] = []
        while self._unanswered:
            number, command = next(iter(self._unanswered.items()))
            if command.answer is None:
                break
            answers.append(command.answer)
            self._remove(number)
        return answers

    def swap(self, command: Command) -> bytes | None:
        """Exchange a command's id with that of another one in flight; return that one's id."""
        mine = command.id
        if mine is None:
            return None
        for other in self._unanswered.values():
            theirs = other.id
            if theirs not in (None, mine) and other.answer is None and theirs not in self._renamed:
                assert theirs is not None
                self._renamed[theirs] = mine
                return theirs
        return None

    def take_renamed(self, command: Command) -> bytes | None:
        """Return the other id that the reply to a command has to get, once."""
        return self._renamed.pop(command.id, None) if command.id is not None else None

    def _answered(self, id: bytes | None) -> Command | None:
        numbers = self._by_id.get(id)
        if not numbers:
            return None
        number = numbers[0]
        command = self._unanswered[number]
        self._remove(number)
        return command

    def _remove(self, number: int) -> None:
        command = self._unanswered.pop(number)
        self._answers -= command.answer is not None
        numbers = self._by_id[command.id]
        numbers.remove(number)
        if not numbers:
            del self._by_id[command.id]


def is_part(expected: JsonValue, found: JsonValue) -> bool:
    """Return whether all expected members are in an object, at any depth; others must be equal.

    Example:
        >>> is_part({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}), is_part({"a": 1}, {"a": True})
        (True, False)
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and is_part(expected[name], found[name]) for name in expected)
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(expected, found, strict=False)
        return len(expected) == len(found) and all(is_part(*pair) for pair in pairs)
    if isinstance(expected, bool) is not isinstance(found, bool):
        return False
    return expected == found


def _read(raw: bytes) -> JsonObject | None:
    """Return the object that a message is, in QEMU's dialect, or None."""
    try:
        value: object = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(raw) > limits.FAULT_PIECE:  # the tolerant reader would hold up other connections
            return None
        items = ServerReader().receive_data(raw)
        value = items[0] if len(items) == 1 else None
    return value if isinstance(value, dict) else None


def _as_json(id: JsonValue | UnsetType) -> bytes | None:
    if isinstance(id, UnsetType):
        return None
    try:
        return encode_compact(id)
    except (QMPError, RecursionError):  # nested too deep for any reader
        return None
