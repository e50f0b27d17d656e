"""A client's unanswered commands: their ids, and the order in which they are sent.

From the first out-of-band command on, at most eight in-band commands are in flight; the others wait
here. With more in flight, the server wouldn't read an out-of-band command behind them. A caller
whose very first out-of-band command must overtake sets max_in_flight.

At most one in-band command with descriptors is in flight; the next one, and those behind it, wait
here, too. QEMU keeps the last descriptors that came until a command takes them, and it reads on
before it executes a command: it would give the second one's to the first.

Spec: qmp-spec, "Out-of-band execution".
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from qmpeer import limits
from qmpeer.messages import command_message
from qmpeer.protocol.outcomes import Sent
from qmpeer.values import JsonObject
from qmpeer.wire import encode_request

Token = TypeVar("Token")


class CommandQueue(Generic[Token]):
    """The commands of one connection that have no reply yet.

    Args:
        max_in_flight: In-band commands sent before the first of them is answered. None sets no
            limit until the first out-of-band command.
        first_id: The first id. It may be larger than the others, which are below limits.IDS.

    Attributes:
        is_changing: True during each change of the queue. If it stays true, an exception (of a
            signal handler, say) interrupted the change, and the session is unusable.
    """

    __slots__ = (
        "_id_span",
        "_in_flight",
        "_next_id",
        "_outgoing",
        "_pending",
        "_unclaimed",
        "_waiting",
        "_window",
        "_with_fds",
        "is_changing",
    )

    def __init__(self, max_in_flight: int | None, first_id: int) -> None:
        if max_in_flight is not None and max_in_flight < 1:
            raise ValueError(f"found {max_in_flight} as max_in_flight, expected 1 or more")
        self.is_changing: bool = False
        self._pending: dict[int, Sent[Token]] = {}
        self._waiting: deque[tuple[Sent[Token], bytes]] = deque()
        self._outgoing: deque[tuple[Sent[Token], bytes]] = deque()
        self._in_flight = 0
        self._with_fds = 0  # of these: the commands with descriptors, one at most
        self._window = max_in_flight or 0  # no limit while it is 0
        self._next_id = first_id
        self._id_span = limits.IDS
        self._unclaimed = ""  # the last error without an id that ended no command

    def _ask(
        self,
        name: str,
        arguments: JsonObject | None,
        token: Token | None,
        is_oob: bool,
        fds: tuple[int, ...],
    ) -> Sent[Token]:
        pending = self._pending
        if not pending:
            self._unclaimed = ""
            self._id_span = limits.IDS
        id = self._next_id if self._next_id not in pending else self._free_id()
        data = encode_request(command_message(name, arguments, id, is_oob)) + b"\n"
        sent = Sent(name, token, id, is_oob, fds)
        was_changing, self.is_changing = self.is_changing, True
        self._next_id = (id + 1) % self._id_span
        pending[id] = sent
        if is_oob:
            self._window = self._window or limits.IN_BAND_WINDOW
            self._outgoing.append((sent, data))
        elif self._waiting or not self._has_room(fds):
            sent.is_waiting = True
            self._waiting.append((sent, data))
        else:
            self._let_go(sent, data)
        self.is_changing = was_changing
        return sent

    def _has_room(self, fds: tuple[int, ...]) -> bool:
        if self._window and self._in_flight >= self._window:
            return False
        return not (fds and self._with_fds)

    def _let_go(self, sent: Sent[Token], data: bytes) -> None:
        self._in_flight += 1
        if sent.fds:
            self._with_fds += 1
        self._outgoing.append((sent, data))

    def _left_flight(self, sent: Sent[Token]) -> None:
        """Note that an in-band command is in flight no more; then call `_release`."""
        self._in_flight -= 1
        if sent.fds:
            self._with_fds -= 1

    def _free_id(self) -> int:
        pending = self._pending
        if len(pending) >= self._id_span:
            self._id_span *= 10
        id = self._next_id
        while id in pending:
            id = (id + 1) % self._id_span
        return id

    def give_up(self, sent: Sent[Token]) -> None:
        """Note that nobody waits for a command any more.

        If it wasn't sent yet, it never will be. If it was, its reply will be dropped.
        """
        sent.token = None
        if sent.is_waiting:
            sent.is_waiting = False
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not sent)
            self._pending.pop(sent.id, None)
        elif any(entry[0] is sent for entry in self._outgoing):
            self._outgoing = deque(entry for entry in self._outgoing if entry[0] is not sent)
            self.withdraw(sent)

    def withdraw(self, sent: Sent[Token]) -> None:
        """Remove a command that data_to_send() returned but that couldn't be sent."""
        sent.token = None
        if self._pending.get(sent.id) is sent:
            del self._pending[sent.id]
            if not sent.is_oob:
                self._left_flight(sent)
                self._release()

    @property
    def interrupted(self) -> list[Sent[Token]]:
        """The unanswered commands that somebody waits for."""
        return [sent for sent in self._pending.values() if sent.token is not None]

    @property
    def has_data_to_send(self) -> bool:
        """True if data_to_send() has something to return."""
        return bool(self._outgoing)

    @property
    def commands_in_flight(self) -> int:
        """The number of unanswered commands, including those that nobody waits for."""
        return len(self._pending)

    def data_to_send(self) -> tuple[bytes, tuple[int, ...]]:
        """Return the next bytes to send, and the descriptors to pass with the first of them.

        Call it until it returns (b"", ()).
        """
        outgoing = self._outgoing
        if not outgoing:
            return b"", ()
        if len(outgoing) == 1 or outgoing[0][0].fds:
            sent, data = outgoing.popleft()
            return data, sent.fds
        parts = []
        while outgoing and not outgoing[0][0].fds:
            parts.append(outgoing.popleft()[1])
        return b"".join(parts), ()

    def _sent_in_band(self) -> Iterator[Sent[Token]]:
        """Yield the in-band commands that were sent and aren't answered, oldest first."""
        return (sent for sent in self._pending.values() if not (sent.is_oob or sent.is_waiting))

    def _release(self) -> None:
        while self._waiting and self._has_room(self._waiting[0][0].fds):
            sent, data = self._waiting.popleft()
            sent.is_waiting = False
            self._let_go(sent, data)
