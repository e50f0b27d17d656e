"""The server's side of one connection, without I/O.

Theory of operation.  Bytes become requests in the *backlog*; `admit` moves them from there, one at
a time, while there is room::

    bytes -> reader -> backlog -> admit -+-> out of band, or no one is queued: executed at once
                                         +-> in-band queue (8, or 1) -> take -> respond

While a request waits in the backlog, `wants_data` is false: no more is read, and the client's own
buffers fill. `qmpeer.protocol.dispatcher` decides which of many connections has the next turn.

A malformed request waits in the queue like a command, so that answers keep their order. The backend
decides whether a command exists; this module handles the negotiation.

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


class MalformedRequest:
    """A malformed request, which waits for its turn to be answered with an error."""

    __slots__ = ("desc", "id")

    def __init__(self, desc: str, id: JsonValue | UnsetType = UNSET) -> None:
        self.desc: str = desc
        self.id: JsonValue | UnsetType = id


def malformed(item: Any, error: MessageError) -> MalformedRequest:
    """Return what waits in the queue for a malformed request."""
    if isinstance(item, QMPError):  # an error of the reader
        return MalformedRequest(str(item))
    return MalformedRequest(
        error.reason, echoed(item.get("id", UNSET)) if type(item) is dict else UNSET
    )


class ServerSession:
    """The server's side of a connection with one client.

    Args:
        version: The server's version, for the greeting. None to neither greet nor negotiate: then
            commands are executed, and events sent, from the start.
        capabilities: The capabilities to offer.
        is_pretty: Write each message on many lines.

    Attributes:
        running: The in-band command being executed.
        failure: The reason to cut the connection, or None. `close` resets it.
        is_oob_enabled: True if out-of-band execution was negotiated.
        output_size: Bytes that wait to be sent, without the greeting and a long answer.
        is_writing: True while a long answer is written: data_to_send() returns the next slice.
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
        version: Version | None,
        *,
        capabilities: tuple[str, ...] = CAPABILITIES,
        is_pretty: bool = False,
    ) -> None:
        self.running: CommandMessage | None = None
        self.failure: QMPError | None = None
        self.is_oob_enabled: bool = False
        self._is_pretty = is_pretty
        self._offered = capabilities
        self._phase: Phase = READY if version is None else NEGOTIATION
        self._reader = ServerReader()
        self._backlog: deque[Any] = deque()
        self._queue: deque[CommandMessage | MalformedRequest] = deque()
        self._has_eof = False
        self._is_output_paused = False
        self._unsent_events = 0
        self._oob_running = 0
        self.output_size: int = 0
        self._output: list[bytes] = []
        self._rest: Iterator[bytes] | None = None  # earlier output and a long answer
        self.is_writing: bool = False
        if version is not None:
            encode = encode_pretty if is_pretty else encode_line
            self._output.append(encode(greeting_message(version, capabilities)))

    # What comes in

    def receive_data(self, data: bytes) -> Sequence[Any]:
        """Take in bytes; then `admit` the requests in them.

        Returns:
            The requests that are complete now, for a log: JSON values, and a QMPError for bytes
            that can't be parsed.
        """
        requests = self._reader.receive_data(data)
        self._backlog += requests
        return requests

    def receive_eof(self) -> None:
        """Note that the client will send no more. Its requests are still answered."""
        self._has_eof = True

    @property
    def wants_data(self) -> bool:
        """True if no request waits to be admitted."""
        return not self._backlog

    @property
    def held_size(self) -> int:
        """The approximate bytes of memory of an unfinished request and unsent output."""
        return self._reader.held_size + self.output_size

    @property
    def is_mid_reply(self) -> bool:
        """True if data_to_send() has returned only a part of a reply."""
        return self._rest is not None

    @property
    def is_finished(self) -> bool:
        """True if the client will send no more, and all its requests are answered."""
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
        """True while a command is executed, in-band or not, or its answer is written."""
        return self.running is not None or self._oob_running > 0 or self._rest is not None

    def admit(self, is_free: bool = False) -> CommandMessage | bool:
        """Admit the next request, if there is room.

        Args:
            is_free: True if no session is queued: a command needn't wait in an empty queue then.

        Returns:
            False if there is no request or no room for one. Without out-of-band execution there
            is room once the last answer is out; with it, while the queue is shorter than 8; never
            while much output is unsent. A command if it is to be executed now. True if the request
            was queued, or answered.
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
            self._queue.append(malformed(item, error))
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
        """True if a request is queued, the last one answered, and there is room for output."""
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
            A command to execute and `respond` to. None if the session answered the request itself:
            a malformed one, or one during negotiation.
        """
        item = self._queue.popleft()
        if type(item) is CommandMessage:
            if self._is_for_handlers(item):
                self.running = item
                return item
            self._negotiate(item)
        else:
            assert isinstance(item, MalformedRequest)
            self._send(error_message("GenericError", item.desc, item.id))
        return None

    def respond(self, command: CommandMessage, value: JsonValue) -> None:
        """Answer one command.

        In-band answers leave in the order in which their commands came; out-of-band ones at once.
        After this call, send what data_to_send() returns.

        Spec: qmp-spec, "Out-of-band execution".

        Args:
            command: A command returned by `admit` or `take`.
            value: Its return value; {} if it returns nothing.

        Raises:
            TypeError: If JSON can't hold the value. The command is then still unanswered.
        """
        if self._phase is not CLOSED:
            self._send(return_message(value, command.id))
        self._answered(command)

    def respond_error(self, command: CommandMessage, error_class: str, desc: str) -> None:
        """Answer one command with an error; otherwise like `respond`."""
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
        enabled, complaint = read_enable(command.arguments or {}, self._offered)
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
        """True once negotiation is done: from then on, events are sent."""
        return self._phase is READY

    def send_event(self, line: bytes) -> None:
        """Send an event, already encoded. Before negotiation it is dropped.

        If more than ``limits.UNSENT_EVENTS`` bytes of events are unsent, `failure` is set.
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
        """Return the bytes to send now, b"" if there are none."""
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
        """Note that more than ``limits.UNSENT_OUTPUT`` bytes are unsent."""
        self._is_output_paused = True
        self.is_writing = False

    def resume_output(self) -> None:
        """Note that few bytes are unsent; then call `admit` again."""
        self._is_output_paused = False
        if self._rest is None:
            self._unsent_events = 0
        else:
            self.is_writing = True

    def close(self) -> None:
        """Drop the requests that weren't executed, and all answers from now on."""
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
