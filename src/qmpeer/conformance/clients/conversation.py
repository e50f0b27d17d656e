"""One client's conversation with the suite: the places of its messages, and the client's mistakes.

A client of QMP keeps few rules. It sends JSON objects with the members of a command; the first one
is qmp_capabilities, which it doesn't send again, and which enables only what the greeting offers.
Ids are free, but two commands in flight can't share one.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.conformance.clients.case import Original, Place
from qmpeer.errors import MessageError, QMPError
from qmpeer.messages import CAPABILITIES_COMMAND, CommandMessage, parse_command, shown
from qmpeer.recording.cutting import NO_VALUE, Cutter
from qmpeer.values import UNSET, JsonObject, JsonValue
from qmpeer.wire import ServerReader, encode_compact

_decode: Final = msgspec.json.decode


@dataclass(slots=True)
class Record:
    """A record of one case, over all connections of its client.

    Attributes:
        sent: The first bytes that the server sent.
        received: The first bytes that the client sent.
        connections: The number of connections.
        commands: The number of commands after the negotiation.
        replies: The number of their replies, as an ordinary server sends them.
        sends_ids: True if one of those commands had an id.
        changes_machine: True if a command may have changed the machine.
        has_happened: True if what the case is about has happened.
        mistakes: What the client did against the rules.
    """

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    connections: int = 0
    commands: int = 0
    replies: int = 0
    sends_ids: bool = False
    changes_machine: bool = False
    has_happened: bool = False
    mistakes: list[str] = field(default_factory=list)

    def note_mistake(self, text: str) -> None:
        """Add a mistake; the same one, and those past the limit, are left out."""
        if len(self.mistakes) < limits.JUDGED_MISTAKES and text not in self.mistakes:
            self.mistakes.append(text)

    def note_sent(self, data: bytes | bytearray) -> None:
        """Add bytes of the server, up to the limit."""
        self.sent += data[: limits.JUDGED_WIRE - len(self.sent)]


class Conversation:
    """One connection of a client; without I/O.

    Args:
        record: The record of the case.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._cutter = Cutter(self._read)
        self._pending: deque[CommandMessage] = deque()
        self._offered: frozenset[str] = frozenset()
        self._has_begun = False  # its first command has come
        self._is_negotiated = False
        self._has_oob = False
        record.connections += 1

    # The client's side

    def receive_data(self, data: bytes) -> None:
        """Receive bytes of the client."""
        record = self._record
        record.received += data[: limits.JUDGED_WIRE - len(record.received)]
        for piece in (*self._cutter.receive(data), *self._cutter.settle()):
            if piece.is_noise:
                record.note_mistake(f"the client sent {shown(piece.data)}, which isn't JSON")
            elif piece.value is not NO_VALUE:
                self._receive_value(piece.value)

    def _read(self, text: bytes) -> Any:
        try:
            return _decode(text.lstrip(b"\xff"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        items = ServerReader().receive_data(text)
        if len(items) != 1 or isinstance(items[0], QMPError):
            return NO_VALUE
        self._record.note_mistake(
            f"the client sent {shown(text)}, which QEMU reads but which isn't JSON"
        )
        return items[0]

    def _receive_value(self, value: JsonValue) -> None:
        record = self._record
        try:
            command = parse_command(value, self._has_oob)
        except MessageError as error:
            record.note_mistake(f"the client sent {shown(encode_compact(value))}: {error}")
            return
        name, id = command.name, command.id
        if name == CAPABILITIES_COMMAND:
            self._check_negotiation(command)
        else:
            record.commands += 1
            record.sends_ids = record.sends_ids or id is not UNSET
            record.changes_machine = record.changes_machine or not name.startswith("query-")
            if not self._has_begun:
                record.note_mistake(f"the client sent {name} before {CAPABILITIES_COMMAND}")
        self._has_begun = True
        if id is not UNSET and any(other.id == id for other in self._pending):
            record.note_mistake(f"the client sent {name} with the id of a command in flight")
        self._pending.append(command)

    def _check_negotiation(self, command: CommandMessage) -> None:
        if self._is_negotiated:
            self._record.note_mistake(f"the client sent {command.name} a second time")
            return
        enabled = (command.arguments or {}).get("enable")
        for name in enabled if isinstance(enabled, list) else ():
            if name not in self._offered:
                self._record.note_mistake(f"the client enabled {name!r}, which wasn't offered")
            self._has_oob = self._has_oob or name == "oob"

    # The server's side

    def original(self, message: JsonObject) -> tuple[Place, Original]:
        """Return the place of a message of the ordinary server, and what belongs to it."""
        if "QMP" in message:
            return Place.GREETING, Original(message)
        if not ("return" in message or "error" in message):
            return Place.OTHER, Original(message)
        command = self._answered(message.get("id", UNSET))
        if command is None:
            return Place.OTHER, Original(message)
        original = Original(message, b"" if command.id is UNSET else encode_compact(command.id))
        if command.name != CAPABILITIES_COMMAND:
            self._record.replies += 1
            return Place.REPLY, original
        if self._is_negotiated or "error" in message:
            return Place.OTHER, original
        self._is_negotiated = True
        return Place.NEGOTIATED, original

    def _answered(self, id: Any) -> CommandMessage | None:
        """Remove and return the command in flight that a reply with an id belongs to."""
        for command in self._pending:
            if command.id is id or command.id == id:
                self._pending.remove(command)
                return command
        return None

    def message_sent(self, message: JsonObject) -> None:
        """Note a message that is sent to the client, as it is sent."""
        greeting = message.get("QMP")
        offered = greeting.get("capabilities") if isinstance(greeting, dict) else None
        if isinstance(offered, list):
            self._offered = frozenset(name for name in offered if isinstance(name, str))
