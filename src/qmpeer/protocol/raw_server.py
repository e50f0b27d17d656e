"""The server's side of a connection whose backend stands for another server.

It differs from `ServerSession` in this:

- The greeting comes from the backend, maybe late. Until then requests wait.
- Several in-band commands may be in flight, up to a window. The backend answers them in any order.
- Much more than eight commands may wait, so an out-of-band command overtakes however many are
  pipelined before it. [QEMU stops reading at eight, and such a command waits with the others.]

A request that the session answers itself waits until nothing is in flight, so that answers keep
their order: a malformed one, or one for negotiation.

Descriptors travel with one request: `bind_fds` chooses it, and `fds_of` returns them when its
command is executed.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.errors import LocalProtocolError, MessageError
from qmpeer.messages import (
    CommandMessage,
    error_response,
    is_out_of_band,
    parse_command,
    return_message,
)
from qmpeer.protocol.phases import CLOSED, GREETING, NEGOTIATION, READY, move
from qmpeer.protocol.server import ServerSession, malformed
from qmpeer.values import JsonObject, JsonValue

TAKE_FDS: Final = ("getfd", "add-fd")
"""The commands that take descriptors which come with them, in every QEMU."""


class RawServerSession(ServerSession):
    """The server's side of a connection with one client of a raw backend.

    Args:
        window: The in-band commands that may be in flight at once, at least 1.
        is_pretty: Write each message on many lines.

    Attributes:
        unclaimed_fds: Descriptors of requests that the session has answered itself, to be closed.
    """

    __slots__ = (
        "_bound",
        "_bound_count",
        "_in_flight",
        "_in_flight_oob",
        "_large",
        "_large_size",
        "_on_ready",
        "_queued_size",
        "_window",
        "unclaimed_fds",
    )

    def __init__(self, window: int, *, is_pretty: bool = False) -> None:
        super().__init__(None, is_pretty=is_pretty)
        self._phase = GREETING
        self._window = window
        self._on_ready: Callable[[], object] | None = None
        self._in_flight: dict[int, CommandMessage] = {}  # by identity: arguments have no hash
        self._in_flight_oob: dict[int, CommandMessage] = {}
        self._queued_size = 0.0  # of the requests that wait, estimated: a share of what came
        self._large: dict[int, float] = {}  # the sizes of large commands in flight
        self._large_size = 0.0  # their sum
        # Descriptors by the identity of their request, and later of its command, which is kept.
        self._bound: dict[int, tuple[object, Sequence[int]]] = {}
        self._bound_count = 0
        self.unclaimed_fds: list[int] = []

    def greet(
        self, greeting: JsonObject | bytes | None, on_ready: Callable[[], object] | None = None
    ) -> None:
        """Send the greeting as it stands, and offer its capabilities.

        Args:
            greeting: The whole message; bytes, if they are no message, offer no capability. None to
                execute commands without negotiation.
            on_ready: Called once the client has negotiated: from then on, events are sent.

        Raises:
            LocalProtocolError: If the client was greeted before.
        """
        if self._phase is CLOSED:
            return
        self._phase = move(self._phase, READY if greeting is None else NEGOTIATION)
        self._on_ready = on_ready
        if isinstance(greeting, bytes):
            self._offered = _capabilities(_read(greeting))
            self.send_bytes(greeting)
        elif greeting is not None:
            self._offered = _capabilities(greeting)
            self._send(greeting)
        self._tell_ready()

    def _negotiate(self, command: CommandMessage) -> None:
        super()._negotiate(command)
        self._tell_ready()

    def _tell_ready(self) -> None:
        if self._phase is READY and self._on_ready is not None:
            on_ready, self._on_ready = self._on_ready, None
            on_ready()

    # What comes in

    def receive_data(self, data: bytes) -> Any:
        """Take in bytes; then `admit` the requests in them; see `ServerSession.receive_data`."""
        self._queued_size += len(data)
        return super().receive_data(data)

    @property
    def wants_data(self) -> bool:
        """True if no request waits to be admitted, and few descriptors wait for their commands."""
        return not self._backlog and self._bound_count < limits.BOUND_FDS

    @property
    def held_size(self) -> int:
        """The approximate bytes of memory of requests that aren't answered and of unsent output.

        Small commands in flight don't count.
        """
        requests = int(self._queued_size + self._large_size)
        return self._reader.held_size + self.output_size + requests

    @property
    def waiting(self) -> int:
        """The requests that wait to be executed."""
        return len(self._backlog) + len(self._queue)

    @property
    def is_finished(self) -> bool:
        """True if the client will send no more, and all its requests are answered."""
        return self._has_eof and not self._in_flight and super().is_finished

    @property
    def is_answering(self) -> bool:
        """True while a command is in flight, or an answer is written."""
        return super().is_answering or bool(self._in_flight)

    def admit(self, is_free: bool = False) -> CommandMessage | bool:
        """Admit the next request, if there is room; see `ServerSession.admit`."""
        backlog = self._backlog
        if not backlog or self._phase is GREETING or self._rest is not None:
            return False
        if self._is_output_paused or self.output_size > limits.READ_SIZE:
            return False
        if self.is_oob_enabled:
            if is_out_of_band(backlog[0]):
                return self._oob_running < limits.OOB_RUNNING and self._admit_next_oob()
            if len(self._queue) >= self._queue_length:
                return False
        elif self._queue or len(self._in_flight) >= self._window:
            return False
        item = backlog.popleft()
        try:
            command = parse_command(item, self.is_oob_enabled)
        except MessageError as error:
            self._queue.append(malformed(item, error))
            self._unbind(item)
        else:
            if self._bound:
                self._rebind(item, command)
            # The fast path: nothing else waits, and nothing is in flight.
            is_alone = not (backlog or self._queue or self._in_flight)
            if is_free and is_alone and self._is_for_handlers(command):
                self._weigh(command, self._queued_size)
                self._queued_size = 0.0
                self._in_flight[id(command)] = command
                return command
            self._queue.append(command)
        if is_free and self.can_take:
            return self.take() or True
        return True

    def _admit_next_oob(self) -> CommandMessage | bool:
        share = self._take_share()
        item = self._backlog.popleft()
        command = self._admit_oob(item)
        if type(command) is CommandMessage:
            self._weigh(command, share)
            self._in_flight_oob[id(command)] = command
            if self._bound:
                self._rebind(item, command)
        else:
            self._unbind(item)
        return command

    @property
    def _queue_length(self) -> int:
        is_large = self._queued_size > limits.RAW_QUEUE_SIZE
        return limits.IN_BAND_QUEUE if is_large else limits.RAW_QUEUE

    def _take_share(self) -> float:
        """Subtract one request's share of the bytes of those that wait, and return it."""
        share = self._queued_size / (len(self._backlog) + len(self._queue))
        self._queued_size -= share
        return share

    def _weigh(self, command: CommandMessage, size: float) -> None:
        """Count the size of a large command while it is in flight."""
        if size > limits.TURN_SMALL:
            self._large[id(command)] = size
            self._large_size += size

    def _forget_size(self, command: CommandMessage) -> None:
        self._large_size -= self._large.pop(id(command), 0.0)

    # Descriptors

    def bind_fds(self, requests: Sequence[Any], fds: Sequence[int]) -> bool:
        """Let descriptors travel with one of the requests that have just come.

        It is the first getfd or add-fd, or else the first request of all. [QEMU keeps the last set
        until a command takes it.]

        Returns:
            False if there is no request.
        """
        items = [item for item in requests if type(item) is dict]
        if not items:
            return False
        item = next((item for item in items if item.get("execute") in TAKE_FDS), items[0])
        self._bound[id(item)] = item, fds
        self._bound_count += len(fds)
        return True

    def _rebind(self, item: object, command: CommandMessage) -> None:
        bound = self._bound.pop(id(item), None)
        if bound is not None:
            self._bound[id(command)] = command, bound[1]

    def fds_of(self, command: CommandMessage) -> Sequence[int]:
        """Return the descriptors that travel with a command, once."""
        if not self._bound:
            return ()
        _, fds = self._bound.pop(id(command), (None, ()))
        self._bound_count -= len(fds)
        return fds

    def unbind_fds(self) -> list[int]:
        """Return all descriptors whose commands haven't been executed, once."""
        for item, _ in list(self._bound.values()):
            self._unbind(item)
        fds, self.unclaimed_fds = self.unclaimed_fds, []
        return fds

    def _unbind(self, item: object) -> None:
        """Give up the descriptors of a request that the session answers itself."""
        _, fds = self._bound.pop(id(item), (None, ()))
        self._bound_count -= len(fds)
        self.unclaimed_fds += fds

    # Execution

    @property
    def can_take(self) -> bool:
        """True if the next request may be taken: there is room in the window and for output."""
        if not super().can_take:
            return False
        item = self._queue[0]
        if type(item) is CommandMessage and self._is_for_handlers(item):
            return len(self._in_flight) < self._window
        return not self._in_flight

    def take(self) -> CommandMessage | None:
        """Take the next request from the queue; see `ServerSession.take`."""
        share = self._take_share()
        item = self._queue[0]
        command = super().take()
        self.running: CommandMessage | None = None  # one command in flight holds up no other
        if command is not None:
            self._weigh(command, share)
            self._in_flight[id(command)] = command
        else:
            self._unbind(item)
        return command

    def respond(self, command: CommandMessage, value: JsonValue) -> None:
        """Answer one command, at once; otherwise like `ServerSession.respond`.

        Raises:
            LocalProtocolError: If the command was answered before.
            TypeError: If JSON can't hold the value. The command is then still unanswered.
        """
        if id(command) in self._in_flight:  # the fast path; close() empties it
            self._send(return_message(value, command.id))
            del self._in_flight[id(command)]
            if self._large:
                self._forget_size(command)
            return
        self._check(command)
        if self._phase is not CLOSED:
            self._send(return_message(value, command.id))
        self._answered(command)

    def respond_error(self, command: CommandMessage, error_class: str, desc: str) -> None:
        """Answer one command with an error; otherwise like `respond`."""
        self.respond_raw_error(command, {"class": error_class, "desc": desc})

    def respond_raw_error(self, command: CommandMessage, error: JsonObject) -> None:
        """Answer one command with an error as it stands; otherwise like `respond`."""
        self._check(command)
        if self._phase is not CLOSED:
            self._send(error_response(error, command.id))
        self._answered(command)

    def send_bytes(self, data: bytes, command: CommandMessage | None = None) -> None:
        """Send bytes as they stand, in place of a command's answer or of none.

        Raises:
            LocalProtocolError: If the command was answered before.
        """
        if command is not None:
            self._check(command)
        if self._phase is not CLOSED:
            self._output.append(data)
            self.output_size: int = self.output_size + len(data)
        if command is not None:
            self._answered(command)

    def lacks_reply(self, command: CommandMessage) -> bool:
        """Return True if a command is in flight: it still may and has to be answered."""
        return id(command) in (self._in_flight_oob if command.is_oob else self._in_flight)

    def _check(self, command: CommandMessage) -> None:
        if self._phase is not CLOSED and not self.lacks_reply(command):
            raise LocalProtocolError(f"the command {command.name} isn't in flight: answered before")

    def _answered(self, command: CommandMessage) -> None:
        self._forget_size(command)
        if not command.is_oob:
            self._in_flight.pop(id(command), None)
        elif self._in_flight_oob.pop(id(command), None):
            self._oob_running -= 1

    def drop_commands(self) -> None:
        """Forget the requests that aren't answered: nobody will answer them."""
        self._backlog.clear()
        self._queue.clear()
        self._in_flight.clear()
        self._in_flight_oob.clear()
        self._oob_running = 0
        self._queued_size = 0.0
        self._large.clear()
        self._large_size = 0.0

    def close(self) -> None:
        """Drop the requests that weren't executed, and all answers from now on."""
        super().close()
        self.drop_commands()


def _read(greeting: bytes) -> JsonValue:
    """Return the message that a greeting's bytes are, or None."""
    try:
        value: JsonValue = msgspec.json.decode(greeting)
    except (ValueError, RecursionError):
        return None
    return value


def _capabilities(greeting: JsonValue) -> tuple[str, ...]:
    """Return the capabilities that a greeting offers."""
    member = greeting.get("QMP") if isinstance(greeting, dict) else None
    offered = member.get("capabilities") if isinstance(member, dict) else None
    if not isinstance(offered, list):
        return ()
    return tuple(name for name in offered if isinstance(name, str))
