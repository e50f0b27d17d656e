"""The server's side of one connection, without I/O.

Theory of operation.  Bytes become requests in the *backlog*; `admit` moves them from there, one at
a time, while there is room::

    bytes -> reader -> backlog -> admit -+-> out of band, or nobody waits: executed at once
                                         +-> in-band queue (8, or 1) -> take -> respond

What isn't admitted isn't read either: `wants_data` turns false, and the client's own buffers fill.
Whose turn it is among the queues of many connections is decided by `qmpeer.protocol.dispatcher`.

Errors of form wait in the queue like the commands they aren't, so that answers keep their order.
Whether a command exists is the backend's to say; negotiation is done here.

[A reply whose client has left is dropped; QEMU sends it to the next one. Events that a client
doesn't read are bounded; QEMU's aren't.]

Spec: qmp-spec, "Server Greeting", "Capabilities Negotiation", "Out-of-band execution"; QEMU 7.2.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from qmpeer import limits
from qmpeer.errors import LimitError, MessageError, QMPError
from qmpeer.messages import (
    CAPABILITIES,
    CAPABILITIES_COMMAND,
    CommandMessage,
    Version,
    echoed,
    error_message,
    greeting_message,
    is_out_of_band,
    parse_command,
    return_message,
)
from qmpeer.protocol.capabilities import read_enable
from qmpeer.protocol.long_answers import begun_text
from qmpeer.protocol.phases import CLOSED, NEGOTIATION, READY, Phase, move
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from qmpeer.wire import ServerReader, begun, encode_line, encode_pretty, small_line


class _Malformed:
    """A request that was none; it waits for its turn to be answered."""

    __slots__ = ("desc", "id")

    def __init__(self, desc: str, id: JsonValue | UnsetType = UNSET) -> None:
        self.desc = desc
        self.id = id


def _malformed(item: Any, error: MessageError) -> _Malformed:
    if isinstance(item, QMPError):  # the reader's own error, which was no command either
        return _Malformed(str(item))
    return _Malformed(error.reason, echoed(item.get("id", UNSET)) if type(item) is dict else UNSET)


class ServerSession:
    """Speak as a QMP server with one client.

    Args:
        version: What the greeting tells of the server.
        capabilities: What is offered.
        is_pretty: Write messages over many lines.
        is_greeting: Greet and negotiate; without it events are sent from the start.

    Attributes:
        running: The in-band command being executed.
        failure: Why the connection must be cut, once it must; None again after `close`.
        is_oob_enabled: Out-of-band execution was negotiated.
        output_size: Bytes that wait to be sent, the greeting and a long answer not counted.
        is_writing: A long answer is being written: data_to_send() gives more of it, a slice each
            time.
    """

    __slots__ = (
        "_backlog",
        "_has_eof",
        "_oob_running",
        "_is_output_paused",
        "_is_pretty",
        "_offered",
        "_output",
        "_phase",
        "_queue",
        "_reader",
        "_rest",
        "_unsent_events",
        "failure",
        "is_oob_enabled",
        "is_writing",
        "output_size",
        "running",
    )

    def __init__(
        self,
        version: Version,
        *,
        capabilities: tuple[str, ...] = CAPABILITIES,
        is_pretty: bool = False,
        is_greeting: bool = True,
    ) -> None:
        self.running: CommandMessage | None = None
        self.failure: QMPError | None = None
        self.is_oob_enabled: bool = False
        self._is_pretty = is_pretty
        self._offered = capabilities
        self._phase: Phase = NEGOTIATION if is_greeting else READY
        self._reader = ServerReader()
        self._backlog: deque[Any] = deque()
        self._queue: deque[CommandMessage | _Malformed] = deque()
        self._has_eof = False
        self._is_output_paused = False
        self._unsent_events = 0
        self._oob_running = 0
        self.output_size: int = 0
        self._output: list[bytes] = []
        self._rest: Iterator[bytes] | None = None  # earlier output and a long answer
        self.is_writing: bool = False
        if is_greeting:
            encode = encode_pretty if is_pretty else encode_line
            self._output.append(encode(greeting_message(version, capabilities)))

    # What comes in

    def receive_data(self, data: bytes) -> Sequence[Any]:
        """Take in bytes; then `admit` what came of them.

        Returns:
            The requests that are whole now, for a log: JSON values, and a QMPError where the bytes
            were none.
        """
        requests = self._reader.receive_data(data)
        self._backlog += requests
        return requests

    def receive_eof(self) -> None:
        """Take in that the client will send no more; what it asked for is answered still."""
        self._has_eof = True

    @property
    def wants_data(self) -> bool:
        """There is nothing left that waits to be admitted."""
        return not self._backlog

    @property
    def held_size(self) -> int:
        """Bytes of memory that an unfinished request and unsent output take, about."""
        return self._reader.held_size + self.output_size

    @property
    def is_finished(self) -> bool:
        """The client will send no more, and all it asked for is answered."""
        return (
            self._has_eof
            and not self._backlog
            and not self._queue
            and self.running is None
            and not self._oob_running
            and self._rest is None
        )

    @property
    def is_answering(self) -> bool:
        """A command is being executed, in-band or not, or its answer is being written."""
        return self.running is not None or self._oob_running > 0 or self._rest is not None

    def admit(self, is_free: bool = False) -> CommandMessage | bool:
        """Admit the next request, if there is room.

        Args:
            is_free: It is nobody's turn: a command that finds the queue empty need not wait in it.

        Returns:
            False when there is none, or no room: without out-of-band execution until the last
            answer is out, with it until the queue is shorter than 8, in any case while much
            output waits to be sent. A command when it is to be executed now, out of band or as
            `take` gives it. True when it was queued, or answered.
        """
        backlog = self._backlog
        if not backlog or self._is_output_paused or self.output_size > limits.READ_SIZE:
            return False
        if self._rest is not None:
            return False
        if self.is_oob_enabled:
            if len(self._queue) >= limits.IN_BAND_QUEUE:
                return False
            if is_out_of_band(backlog[0]):
                if self._oob_running >= limits.OOB_RUNNING:
                    return False
                return self._admit_oob(backlog.popleft())
        elif self._queue or self.running is not None:
            return False
        item = backlog.popleft()
        try:
            command = parse_command(item, self.is_oob_enabled)
        except MessageError as error:
            self._queue.append(_malformed(item, error))
            return True
        if is_free and self.running is None and not self._queue and self._is_for_handlers(command):
            self.running = command
            return command
        self._queue.append(command)
        return True

    def _is_for_handlers(self, command: CommandMessage) -> bool:
        return self._phase is READY and command.name != CAPABILITIES_COMMAND

    def _admit_oob(self, item: Any) -> CommandMessage | bool:
        try:
            command = parse_command(item, is_oob_enabled=True)
            self._oob_running += 1
            return command
        except MessageError as error:
            id = echoed(item.get("id", UNSET))
            self._send(error_message("GenericError", error.reason, id))
            return True

    # In-band execution

    @property
    def can_take(self) -> bool:
        """A request is queued, the last one is answered, and its answer would find room."""
        return (
            bool(self._queue)
            and self.running is None
            and not self._is_output_paused
            and self.output_size <= limits.UNSENT_OUTPUT
            and self._rest is None
            and self._phase is not CLOSED
        )

    def take(self) -> CommandMessage | None:
        """Take the next request from the queue.

        Returns:
            A command to execute and to `respond` to, or None when the session answered it itself:
            errors of form, and all that concerns negotiation.
        """
        item = self._queue.popleft()
        if type(item) is CommandMessage:
            if self._is_for_handlers(item):
                self.running = item
                return item
            self._negotiate(item)
        else:
            assert isinstance(item, _Malformed)
            self._send(error_message("GenericError", item.desc, item.id))
        return None

    def respond(self, command: CommandMessage, value: JsonValue) -> None:
        """Answer one command.

        In-band answers leave in the order in which their commands came; out-of-band ones at once.
        After this call, send what data_to_send() returns.

        Spec: qmp-spec, "Out-of-band execution".

        Args:
            command: As `admit` or `take` gave it.
            value: Its return value; {} where it returns nothing.

        Raises:
            TypeError: If the value has something in it that JSON can't hold. The command is still
                to be answered.
        """
        if self._phase is not CLOSED:
            self._send(return_message(value, command.id))
        self._answered(command)

    def respond_error(self, command: CommandMessage, error_class: str, desc: str) -> None:
        """Answer one command with an error; else as `respond`."""
        if self._phase is not CLOSED:
            self._send(error_message(error_class, desc, command.id))
        self._answered(command)

    def _answered(self, command: CommandMessage) -> None:
        if command is self.running:
            self.running = None
        elif command.is_oob:
            self._oob_running -= 1

    def _negotiate(self, command: CommandMessage) -> None:
        if command.name != CAPABILITIES_COMMAND:
            desc = f"Expecting capabilities negotiation with '{CAPABILITIES_COMMAND}'"
            self._send(error_message("CommandNotFound", desc, command.id))
            return
        enabled, complaint = read_enable(command.arguments or {})
        missing = [name for name in enabled if name not in self._offered]
        if complaint is not None:
            self._send(error_message("GenericError", complaint, command.id))
        elif self._phase is READY:
            desc = "Capabilities negotiation is already complete, command ignored"
            self._send(error_message("CommandNotFound", desc, command.id))
        elif missing:
            desc = f"Capability {', '.join(dict.fromkeys(missing))} not available"
            self._send(error_message("GenericError", desc, command.id))
        else:
            self._phase = move(self._phase, READY)
            self.is_oob_enabled = "oob" in enabled
            self._send(return_message({}, command.id))

    # What goes out

    @property
    def is_ready(self) -> bool:
        """Negotiation is done: events are sent."""
        return self._phase is READY

    def send_event(self, line: bytes) -> None:
        """Send an event, written out already; before negotiation it is passed over.

        A client that lets ``limits.UNSENT_EVENTS`` bytes of events wait becomes a `failure`.
        """
        if self._phase is not READY or self.failure is not None:
            return
        if self._is_output_paused or self._rest is not None:
            self._unsent_events += len(line)
            if self._unsent_events > limits.UNSENT_EVENTS:
                most = limits.UNSENT_EVENTS
                desc = f"the client has let more than {most} bytes of events wait"
                self.failure = LimitError(desc, "UNSENT_EVENTS", most)
                return
        self._output.append(line)
        self.output_size += len(line)

    def data_to_send(self) -> bytes:
        """Return what is to be sent now, b"" if nothing is."""
        if self._rest is not None:
            return self._next_slice(self._rest)
        output = self._output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        self.output_size = 0
        return data

    def _next_slice(self, rest: Iterator[bytes]) -> bytes:
        if self._is_output_paused:
            return b""
        data, self._rest = begun(rest)
        if self._rest is None:
            self.is_writing = False
            self._unsent_events = 0
            data += self.data_to_send()
        return data

    def pause_output(self) -> None:
        """Take note that more than ``limits.UNSENT_OUTPUT`` bytes are unsent."""
        self._is_output_paused = True
        self.is_writing = False

    def resume_output(self) -> None:
        """Take note that few bytes are unsent; then `admit` again."""
        self._is_output_paused = False
        if self._rest is None:
            self._unsent_events = 0
        else:
            self.is_writing = True

    def close(self) -> None:
        """Forget what wasn't executed; answers are dropped from here on."""
        self._phase = move(self._phase, CLOSED)
        self.failure = None
        self._backlog.clear()
        self._queue.clear()
        self._output.clear()
        self._rest = None
        self.is_writing = False

    def _send(self, message: JsonObject) -> None:
        line = None if self._is_pretty else small_line(message)
        if line is None:
            line, rest = begun_text(message, self._is_pretty, is_whole=self._rest is not None)
            if rest is not None:
                self._rest = chain((*self._output, line), rest)
                self._output.clear()
                self.output_size = 0
                self.is_writing = not self._is_output_paused
                return
        self._output.append(line)
        self.output_size += len(line)
