"""A stream between an ordinary monitor and a client that changes what the monitor writes.

The monitor's bytes are cut into messages again. Each message becomes pieces, as the case says, and
the pieces are played in order: what stands between two pauses is one packet.
"""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.conformance.clients.case import ClientCase, Edit, End, Original, Pause, Piece, Place
from qmpeer.conformance.clients.conversation import Conversation, Record
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import NOBODY, StreamLayer
from qmpeer.values import JsonObject

_PACKET: Final = 64 * 1024
"""The bytes of a packet; a longer one is sent in parts."""
_TURN: Final = 4
"""The packets without a pause after which others get their turn. asyncio logs a fifth one that is
written to a client that has just left."""


class OddStream(StreamLayer):
    """The stream of one client.

    Args:
        raw: The client's stream.
        case: The case.
        record: The record of the case.
    """

    __slots__ = (
        "_case",
        "_conversation",
        "_handler",
        "_has_ended",
        "_has_left",
        "_is_held",
        "_line",
        "_loop",
        "_pieces",
        "_places",
        "_record",
        "_timer",
    )

    def __init__(self, raw: Stream, case: ClientCase, record: Record) -> None:
        super().__init__(raw)
        self._loop = asyncio.get_running_loop()
        self._case = case
        self._record = record
        self._conversation = Conversation(record)
        self._handler: StreamHandler = NOBODY
        self._line = bytearray()
        self._places: set[Place] = set()
        self._pieces: deque[Iterator[bytes | Pause | End]] = deque()
        self._timer: asyncio.Handle | None = None
        self._is_held = False  # by the client, which doesn't read
        self._has_ended = False  # our direction
        self._has_left = False

    def start(self, factory: HandlerFactory) -> None:
        """Make the monitor's connection, which greets."""
        self._handler = factory(self)

    # The stream, for the monitor above

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Receive bytes of the monitor."""
        if self._has_ended:
            return
        self._line += data
        while end := self._line.find(b"\n") + 1:
            message = json.loads(self._line[:end])
            del self._line[:end]
            self._pieces.append(self._played(message))
        self._go_on()

    def close(self) -> None:
        """Close the connection once all pieces have been played."""
        self._pieces.append(iter((End.CLOSE,)))
        self._go_on()

    def abort(self) -> None:
        """Close now."""
        self._end()
        self._raw.abort()

    # The handler, for the client's stream

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        """Receive bytes of the client."""
        self._conversation.receive_data(bytes(data))
        self._handler.data_received(data, fds)

    def eof_received(self) -> None:
        """Receive the end of the client's bytes."""
        self._handler.eof_received()

    def pause_writing(self) -> None:
        """Keep what the client doesn't read."""
        self._is_held = True
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Play again."""
        self._is_held = False
        self._handler.resume_writing()
        self._go_on()

    @property
    def has_left(self) -> bool:
        """True if the connection is lost."""
        return self._has_left

    def connection_lost(self, error: OSError | None) -> None:
        """Report the end to the monitor."""
        self._end()
        self._has_left = True
        handler, self._handler = self._handler, NOBODY
        handler.connection_lost(error)

    # Inside

    def _played(self, message: JsonObject) -> Iterator[bytes | Pause | End]:
        """Yield what is sent instead of a message of the monitor."""
        case, record = self._case, self._record
        place, original = self._conversation.original(message)
        edit = self._edit(place, original)
        if case.place is None:  # the oddity is everywhere
            record.has_happened = True
        pieces: Iterator[Piece] = iter((original.value,) if edit is None else edit(original))
        return self._encoded(pieces, is_odd=edit is not None)

    def _edit(self, place: Place, original: Original) -> Edit | None:
        case = self._case
        if place is not case.place or (case.is_once and place in self._places):
            return None
        if case.needs_id and not original.id_text:
            return None
        self._places.add(place)
        return case.edit

    def _encoded(self, pieces: Iterator[Piece], *, is_odd: bool) -> Iterator[bytes | Pause | End]:
        # A silent server has done its odd thing, too.
        self._record.has_happened = self._record.has_happened or is_odd
        for piece in pieces:
            if isinstance(piece, dict):
                self._conversation.message_sent(piece)
                yield from self._case.form(piece)
            else:
                yield piece

    def _go_on(self) -> None:
        if self._timer is None and not self._is_held:
            self._play()

    def _play(self) -> None:
        """Play pieces until a pause, the end, or a client that doesn't read."""
        self._timer = None
        packet = bytearray()
        packets = 0
        for piece in itertools.chain.from_iterable(self._remaining()):
            if isinstance(piece, bytes):
                packet += piece
                if len(packet) < _PACKET:
                    continue
                packets += 1
            self._send(packet)
            if isinstance(piece, End):
                self._finish(piece)
                return
            if isinstance(piece, Pause):
                self._timer = self._loop.call_later(piece.seconds, self._play)
                return
            if packets == _TURN and not self._is_held:
                self._timer = self._loop.call_soon(self._play)
            if self._is_held or packets == _TURN:
                return
        self._send(packet)

    def _remaining(self) -> Iterator[Iterator[bytes | Pause | End]]:
        """Yield what is to be played; what was begun goes on where it stopped."""
        while self._pieces:
            yield self._pieces[0]
            if self._pieces:
                self._pieces.popleft()

    def _send(self, packet: bytearray) -> None:
        if packet:
            self._record.note_sent(packet)
            self._raw.write(bytes(packet))
            packet.clear()

    def _finish(self, end: End) -> None:
        self._end()
        match end:
            case End.HALF if self._raw.can_write_eof:
                self._raw.write_eof()
            case End.RESET:
                self._raw.reset()
            case _:
                self._raw.close()

    def _end(self) -> None:
        """Play no more."""
        self._has_ended = True
        self._pieces.clear()
        self._line.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
