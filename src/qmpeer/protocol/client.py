"""The client's side of one connection, without I/O.

A command bears the caller's *token* and gets a short id. Its reply is matched by that id, whenever
it comes; a command whose caller has given up stays matched, so that its late reply is never taken
for another's. What comes unasked, events, is numbered from 1 in the order of arrival.

From the first out-of-band command on, eight in-band commands are in flight at the most and the
others wait here: with more, the server wouldn't read an out-of-band command behind them. Who needs
the first one to overtake too says so with max_in_flight.

A server that never echoes ids (old guest agents, some emulators) answers in order; its replies are
matched in order. From one that has echoed an id, a return without one isn't ours, nor is a reply
with an id that we don't know (QEMU sends the reply of a client that left to the next): both are
passed over. An error without an id answers a text that the server couldn't read. Such texts are
answered in order, so the first error ends the oldest in-band command in flight; those that follow
are about the same text, until a reply with an id comes. If that is a later command's, the in-band
commands between were refused too. Where no later command may come, one is sent to find that out.

A guest agent may be restarted behind a connection that stays, or be slow: *synchronizing* makes an
end of what was before, and is answered by its own value and nothing else. Some of an agent's
commands are not answered when they succeed; a ping is sent behind one, whose answer tells so.

Spec: qmp-spec, "Issuing Commands", "Out-of-band execution"; QEMU, qga/qapi-schema.json,
guest-sync-delimited and 'success-response'.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Generic, TypeVar

import msgspec

from qmpeer import limits
from qmpeer.errors import (
    CommandError,
    CommandInterrupted,
    LimitError,
    LocalProtocolError,
    MessageError,
    NegotiationError,
    QMPError,
    RemoteProtocolError,
    WireError,
)
from qmpeer.messages import (
    CAPABILITIES_COMMAND,
    Event,
    Greeting,
    Incoming,
    IncomingError,
    command_message,
    found_instead,
    look_of,
    parse_greeting,
    parse_message,
    shown,
    shown_text,
)
from qmpeer.protocol.outcomes import Completion, Happened, Sent, Unclaimed
from qmpeer.protocol.phases import Phase, move
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from qmpeer.wire import ClientReader, encode_request

__all__ = ["ClientSession"]

Token = TypeVar("Token")
_KNOWN_CAPABILITIES = ("oob",)
_STRAY = "JSON parse error, stray '"
_FF = _STRAY + "\ufffd'"
_OF_READER = ("JSON ", "QMP input ")
"""How QEMU's errors begin that are about a text, not about a command."""
_decoder = msgspec.json.Decoder(Incoming)


class ClientSession(Generic[Token]):
    """Speak as a QMP client with one server.

    Args:
        negotiate: Wait for a greeting and negotiate; a guest agent has neither.
        capabilities: Those to enable, which the server must offer; None enables what it offers of
            those we know.
        max_in_flight: In-band commands that are sent before the first of them is answered; None
            for any number until the first out-of-band command.
        first_id: Where the ids begin: best at random, so that a reply meant for a client before us
            is hardly taken for ours.
        peer: The server's address, for errors.
        message_limit: Bytes of the longest message that is taken.

    Attributes:
        phase: Where the connection stands.
        greeting: The server's greeting, once it has come.
        capabilities: Those that are enabled.
        failure: What the peer did wrong, once it did; the connection is of no more use.
        events_received: How many events have come; the number of the last.
        ignored: How many messages were passed over, as they were nobody's.
        is_busy: What was received isn't all read yet: `resume` before more is received.
        is_changing: It is set while a command is added; others may set it for as long as they
            change something. If it is found set when nobody is at it, an exception has struck
            there, and the session is of no more use.
    """

    __slots__ = (
        "_echoes_ids",
        "_first",
        "_id_span",
        "_in_flight",
        "_next_id",
        "_outgoing",
        "_peer",
        "_pending",
        "_probe",
        "_reader",
        "_received",
        "_refusal",
        "_requested",
        "_turned_away",
        "_unclaimed",
        "_waiting",
        "_why",
        "_window",
        "capabilities",
        "events_received",
        "failure",
        "greeting",
        "ignored",
        "is_busy",
        "is_changing",
        "phase",
    )

    def __init__(
        self,
        *,
        negotiate: bool = True,
        capabilities: Sequence[str] | None = None,
        max_in_flight: int | None = None,
        first_id: int = 0,
        peer: str = "the server",
        message_limit: int = limits.MESSAGE_SIZE,
    ) -> None:
        if message_limit < 1:
            raise ValueError(f"found {message_limit} as message_limit, expected 1 or more")
        if max_in_flight is not None and max_in_flight < 1:
            raise ValueError(f"found {max_in_flight} as max_in_flight, expected 1 or more")
        self.phase = Phase.GREETING if negotiate else Phase.READY
        self.greeting: Greeting | None = None
        self.capabilities: tuple[str, ...] = ()
        self.failure: QMPError | None = None
        self.events_received: int = 0
        self.ignored: int = 0
        self.is_busy: bool = False
        self.is_changing: bool = False
        self._peer = peer
        self._received = b""
        self._first: bytes | None = b""  # the peer's first bytes; None once it has spoken QMP
        self._requested = None if capabilities is None else tuple(capabilities)
        self._reader: ClientReader[Incoming] = ClientReader(_decoder, message_limit)
        self._pending: dict[int, Sent[Token]] = {}
        self._waiting: deque[tuple[Sent[Token], bytes]] = deque()
        self._outgoing: deque[tuple[Sent[Token], bytes]] = deque()
        self._in_flight = 0
        self._window = max_in_flight or 0  # no limit while it is 0
        self._echoes_ids: bool | None = None
        self._refusal: CommandError | None = None  # the last one without an id, until one has it
        self._unclaimed = ""
        self._probe: Sent[Token] | None = None
        self._turned_away: CommandError | None = None  # the error that stands for a greeting
        self._why = ""  # what the peer sent in place of QMP
        self._next_id = first_id % limits.IDS
        self._id_span = limits.IDS

    # Commands

    def execute(
        self,
        name: str,
        arguments: JsonObject | None,
        token: Token,
        is_oob: bool = False,
        fds: tuple[int, ...] = (),
    ) -> Sent[Token]:
        """Ask for one command; then send what data_to_send() returns.

        Args:
            name: Any; whether it exists is the server's to say.
            arguments: Its arguments; empty ones are left out.
            token: Comes back with the outcome.
            is_oob: Execute it out of band.
            fds: Descriptors to send with the command's own bytes.

        Raises:
            LocalProtocolError: Before negotiation is done, after the end, or if out-of-band
                execution isn't enabled. Nothing was sent.
            TypeError: If JSON can't hold the arguments. Nothing was sent.
            ValidationError: If there is a character in them that no server reads. Nothing was sent.
            LimitError: If they are deeper or longer than a server reads. Nothing was sent.
        """
        if self.phase is not Phase.READY:
            raise LocalProtocolError(f"{name} can't be sent: the connection {self.phase.value}")
        if is_oob and "oob" not in self.capabilities:
            raise LocalProtocolError(
                f"{name} can't be sent out of band: enabled is {list(self.capabilities)}, "
                "'oob' would be needed"
            )
        return self._ask(name, arguments, token, is_oob, fds)

    def synchronize(self, name: str, value: int, token: Token) -> Sent[Token]:
        """Synchronize with a guest agent; then send what data_to_send() returns.

        Replies to commands that were given up are no longer waited for: the agent that owed them
        may be gone, and the one that answers be another, which may not echo ids. All that comes
        without an id before the value does is passed over, but for CommandNotFound.

        Args:
            name: "guest-sync-delimited", or "guest-sync" for agents that don't have that.
            value: A number that no other reply is likely to be.
            token: Comes back with the outcome.

        Raises:
            LocalProtocolError: After the end.
        """
        self.is_changing = True
        for each in list(self._pending.values()):
            waited_for = each if each.tells_of is None else each.tells_of
            if waited_for.token is None:
                self.withdraw(each)
        self.is_changing = False
        sent = self.execute(name, {"id": value}, token)
        self.is_changing = True
        sent.expected = value
        self._echoes_ids = None
        if not sent.is_waiting:
            _, data = self._outgoing[-1]
            self._outgoing[-1] = sent, b"\xff" + data
        self.is_changing = False
        return sent

    def execute_silently(
        self, name: str, arguments: JsonObject | None, token: Token
    ) -> Sent[Token]:
        """Ask for a command whose success isn't answered; its outcome is {} all the same.

        Args:
            name: A guest agent's, such as "guest-shutdown".
            arguments: Its arguments.
            token: Comes back with the outcome.

        Raises:
            LocalProtocolError: After the end.
            TypeError: If JSON can't hold the arguments. Nothing was sent.
        """
        sent = self.execute(name, arguments, token)
        self.is_changing = True
        sent.is_silent = True
        self._ask("guest-ping", None, None, False, ()).tells_of = sent
        self.is_changing = False
        return sent

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
        elif self._window and self._in_flight >= self._window:
            sent.is_waiting = True
            self._waiting.append((sent, data))
        else:
            self._in_flight += 1
            self._outgoing.append((sent, data))
        self.is_changing = was_changing
        return sent

    def _free_id(self) -> int:
        pending = self._pending
        if len(pending) >= self._id_span:
            self._id_span *= 10
        id = self._next_id
        while id in pending:
            id = (id + 1) % self._id_span
        return id

    def give_up(self, sent: Sent[Token]) -> None:
        """Take note that nobody waits for a command any more.

        One that wasn't sent yet never will be; the reply to one that was is dropped.
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
        """Take back a command that data_to_send() gave and that couldn't be sent."""
        sent.token = None
        if self._pending.get(sent.id) is sent:
            del self._pending[sent.id]
            if not sent.is_oob:
                self._in_flight -= 1
                self._release()

    @property
    def interrupted(self) -> list[Sent[Token]]:
        """The commands that have no outcome yet and are waited for."""
        return [sent for sent in self._pending.values() if sent.token is not None]

    def unanswered(self, sent: Sent[Token], timeout: float | None) -> TimeoutError:
        """Return the error of a command whose deadline has passed.

        It quotes the last error that no command could be given: it may be this command's.
        """
        text = f"{sent.name} wasn't answered in {timeout:.4g} s"
        if self._first and look_of(self._first, is_whole=False) is not None:
            text += f"; {self._no_qmp(self._first)}"
        return TimeoutError(text + self._quoted())

    def _quoted(self) -> str:
        """Return what an error of a command adds that may have been refused unnoticed."""
        if not self._unclaimed:
            return ""
        return f"; the server sent an error without an id: {self._unclaimed}"

    # Bytes

    @property
    def has_data_to_send(self) -> bool:
        """There is something that data_to_send() would return."""
        return bool(self._outgoing)

    @property
    def commands_in_flight(self) -> int:
        """How many commands have no reply yet, those included that nobody waits for."""
        return len(self._pending)

    def data_to_send(self) -> tuple[bytes, tuple[int, ...]]:
        """Return what is to be sent next, and the descriptors to go with its first byte.

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

    def receive_eof(self) -> None:
        """Take in that the server will send no more."""
        self.phase = Phase.CLOSED

    def end(self, reason: str, *, has_left: bool) -> list[Completion[Token]]:
        """End the connection, and return the outcomes of the commands that had none yet.

        They are interrupted, but for a "quit", or a command that is silent, that was sent to a
        server that has left.

        Args:
            reason: Why it ended.
            has_left: It was the server that closed the connection.
        """
        self.phase = Phase.CLOSED
        outcomes: list[Completion[Token]] = []
        for sent in self.interrupted:
            assert sent.token is not None
            is_leaving = sent.name == "quit" or sent.is_silent
            if has_left and is_leaving and not sent.is_waiting:
                outcomes.append(Completion(sent.token, {}))
            else:
                error = CommandInterrupted(sent.name, sent.id, reason + self._quoted())
                outcomes.append(Completion(sent.token, None, error))
        return outcomes

    def receive_data(self, data: bytes) -> list[Happened[Token]]:
        """Take in bytes; return the events, outcomes and unclaimed errors in them, in order.

        After it, look at `failure` and `is_busy`, and send what data_to_send() returns: commands
        that waited may go now. Nothing is raised.
        """
        if self._first is not None:
            self._first += data[: limits.FIRST_BYTES - len(self._first)]
        self._received = data
        return self._take_in_all(self._reader.receive_data(data))

    def resume(self) -> list[Happened[Token]]:
        """Read on in what was received, for a moment; else as `receive_data`."""
        return self._take_in_all(self._reader.resume())

    def _take_in_all(self, items: Sequence[Any]) -> list[Happened[Token]]:
        happened: list[Happened[Token]] = []
        for item in items:
            try:
                self._take_in(item if type(item) is Incoming else self._look_at(item), happened)
            except QMPError as error:
                if not self._is_harmless(error):
                    self._fail(error, self._explain(error, happened))
                    break
        if self._first is not None:
            self._look_at_first(self._first, happened)
        if self._waiting:
            self._release()
        self.is_busy = self._reader.is_busy and self.failure is None
        return happened

    def _look_at(self, item: JsonValue | WireError | LimitError) -> Incoming:
        if isinstance(item, QMPError):
            raise item
        return parse_message(item)

    def _is_harmless(self, error: QMPError) -> bool:
        """Return whether it is only the guest agent's byte FF, or a text that this byte ended.

        The latter is a reply that an agent was restarted in the middle of: up to the byte FF, what
        comes behind it may be read as anything.
        """
        if isinstance(error, WireError) and error.reason == _FF:
            return True
        return isinstance(error, (WireError, MessageError)) and any(
            sent.expected is not UNSET for sent in self._pending.values()
        )

    def _fail(self, error: QMPError, why: str = "") -> None:
        self.failure = error
        self.phase = Phase.CLOSED
        self._why = why or str(error)

    # Who it is that speaks

    def _explain(self, error: QMPError, happened: list[Happened[Token]]) -> str:
        """Return what is wrong with what the peer has sent, with a piece of it."""
        if isinstance(error, NegotiationError):
            return str(error)
        if self._first is None or self.greeting is not None or happened:
            found = f"found {shown(_unlike_qmp(self._received))} in place of QMP"
        else:
            found = self._no_qmp(self._first)
        return f"{found} ({shown_text(str(error))})"

    def _look_at_first(self, first: bytes, happened: list[Happened[Token]]) -> None:
        """See whether the peer has spoken QMP by now, or whether it never will."""
        if self.greeting is not None or happened:
            self._first = None
        elif self.phase is Phase.GREETING:
            if self._turned_away is not None:
                said = shown_text(str(self._turned_away))
                reason = f"{self._peer} sent an error in place of a greeting: {said}"
                self._fail(RemoteProtocolError(reason))
            elif look_of(first, is_whole=False) is not None:
                self._fail(RemoteProtocolError(self._no_qmp(first)))

    def _no_qmp(self, first: bytes) -> str:
        if first.lstrip().startswith(b'{"QMP"'):
            return f"{self._peer} hasn't sent a whole greeting: found {shown(first)}"
        return f"{self._peer} doesn't speak QMP: {found_instead(first)}"

    def late_to_negotiate(self, timeout: float | None) -> TimeoutError:
        """Return the error of a connection that isn't ready when its deadline has passed."""
        what, hint = "greeted", "another client may hold its monitor"
        if self.greeting is not None:
            what = "answered qmp_capabilities"
        elif self._first:
            hint = self._no_qmp(self._first)
        else:
            hint += f", or {self._peer} is a guest agent, which never greets (negotiate=False)"
            if self._peer.startswith("tcp:"):
                hint += ", or expects TLS or WebSocket (tls:, ws://)"
        return TimeoutError(f"the server hasn't {what} in {timeout:.4g} s; {hint}")

    def end_reason(self, error: Exception | None) -> str:
        """Return why a connection ended: for an error, or because the server has closed it."""
        if error is not None and error is self.failure:
            return self._why
        reason = "the server closed the connection" if error is None else str(error)
        return f"{reason}; {self._no_qmp(self._first)}" if self._first else reason

    def _take_in(self, message: Incoming, happened: list[Happened[Token]]) -> None:
        if message.event is not UNSET:
            self.events_received = number = self.events_received + 1
            stamp = message.timestamp
            happened.append(
                Event(
                    message.event,
                    message.data or {},
                    None if stamp is UNSET else stamp,
                    number,
                )
            )
        elif message.return_value is not UNSET or message.error is not UNSET:
            error = None if message.error is UNSET else message.error
            if error is not None and message.id is UNSET and self._echoes_ids:
                self._take_in_refusal(error, happened)
                return
            if self._refusal is not None:
                self._end_refused(message.id, self._refusal, happened)
            sent = self._match(message)
            if sent is None:
                self.ignored += 1
                if error is not None and message.id is UNSET:
                    self._turned_away = CommandError(error.error_class, error.desc)
            elif self.phase is Phase.NEGOTIATION:
                self._negotiated(message)
            elif sent.token is not None:
                outcome = Completion(sent.token, message.return_value)
                if error is not None:
                    outcome.error = CommandError(
                        error.error_class, error.desc, sent.name, message.id
                    )
                happened.append(outcome)
            elif sent.tells_of is not None:
                self._succeed(sent.tells_of, happened)
        elif message.greeting is not UNSET:
            self._greeted(message.greeting)
        else:
            raise MessageError("found a message that is no greeting, response or event")

    def _succeed(self, silent: Sent[Token], happened: list[Happened[Token]]) -> None:
        """Take in that a command has succeeded whose success isn't answered."""
        if self._pending.get(silent.id) is silent:
            token = silent.token
            self.withdraw(silent)
            if token is not None:
                happened.append(Completion(token, {}))

    def _take_in_refusal(self, found: IncomingError, happened: list[Happened[Token]]) -> None:
        """Take in an error without an id: a text of ours that the server couldn't read.

        Spec: QEMU answers such texts in order with in-band commands, and one nested too deep
        hundreds of times.
        """
        oldest = None if _answers_ff(found) else next(self._sent_in_band(), None)
        if oldest is not None and self._refusal is None:
            self._refusal = self._refuse(oldest, found, happened)
            return
        error = CommandError(found.error_class, found.desc)
        self._unclaimed = text = str(error)
        self.ignored += 1
        happened.append(Unclaimed(error))
        if oldest is not None and self._refusal is not None:
            _note(self._refusal, text)
            if not found.desc.startswith(_OF_READER):
                self._ask_whether_refused()

    def _ask_whether_refused(self) -> None:
        """Send a command that is answered, once: what is unanswered before it was refused.

        A reader that has lost its place gives many errors, which are about one text. An error of
        another kind may well be about the next command, and no other command need follow that.
        """
        if self._probe is None or self._pending.get(self._probe.id) is not self._probe:
            name = "guest-ping" if self.greeting is None else "query-version"
            self._probe = self._ask(name, None, None, False, ())

    def _end_refused(
        self, id: object, error: CommandError, happened: list[Happened[Token]]
    ) -> None:
        """End the in-band commands before one that is answered: the server has passed them over.

        What is answered out of band shows nothing: such answers overtake a text's errors.
        """
        answered = self._pending.get(id) if type(id) is int else None
        if answered is None or answered.is_oob:
            return
        self._refusal = None
        for sent in list(takewhile(lambda sent: sent is not answered, self._sent_in_band())):
            if not sent.is_silent:  # whose success isn't answered either
                self._refuse(sent, error, happened)

    def _refuse(
        self,
        sent: Sent[Token],
        error: CommandError | IncomingError,
        happened: list[Happened[Token]],
    ) -> CommandError:
        token = sent.token
        refusal = CommandError(error.error_class, error.desc, sent.name, sent.id)
        self.withdraw(sent)
        if token is not None:
            happened.append(Completion(token, None, refusal))
        return refusal

    def _sent_in_band(self) -> Iterator[Sent[Token]]:
        """Give the in-band commands that were sent and aren't answered, oldest first."""
        return (sent for sent in self._pending.values() if not (sent.is_oob or sent.is_waiting))

    def _match(self, message: Incoming) -> Sent[Token] | None:
        """Return the command that a reply is for, None if it is for none of ours."""
        id = message.id
        if type(id) is int:
            sent = self._pending.pop(id, None)
            if sent is None:
                return None
            if sent.expected is not UNSET and message.return_value not in (UNSET, sent.expected):
                self._pending[id] = sent  # a reply to one before it that had the same id
                return None
            self._echoes_ids = True
        elif (
            id is UNSET
            and not self._echoes_ids
            and not (message.error is not UNSET and _answers_ff(message.error))
        ):
            first = next((s for s in self._pending.values() if _may_answer(message, s)), None)
            if first is None:
                return None
            sent = self._pending.pop(first.id)
        else:
            return None
        if not sent.is_oob:
            self._in_flight -= 1
        return sent

    def _release(self) -> None:
        while self._waiting and (not self._window or self._in_flight < self._window):
            sent, data = self._waiting.popleft()
            sent.is_waiting = False
            self._in_flight += 1
            self._outgoing.append((sent, data))

    # Negotiation

    def _greeted(self, value: JsonValue) -> None:
        if self.phase is not Phase.GREETING:  # a pty's monitor greets twice
            self.ignored += 1
            return
        self.greeting = greeting = parse_greeting(value)
        self.phase = move(self.phase, Phase.NEGOTIATION)
        requested = self._requested
        if requested is None:
            requested = tuple(c for c in _KNOWN_CAPABILITIES if c in greeting.capabilities)
        elif not set(requested) <= set(greeting.capabilities):
            raise NegotiationError(requested, greeting.capabilities, "not all are offered")
        self.capabilities = requested
        arguments: JsonObject = {"enable": list(requested)} if requested else {}
        self._ask(CAPABILITIES_COMMAND, arguments, None, False, ())

    def _negotiated(self, message: Incoming) -> None:
        if message.error is not UNSET:
            offered = self.greeting.capabilities if self.greeting else ()
            raise NegotiationError(self.capabilities, offered, message.error.desc)
        self.phase = move(self.phase, Phase.READY)


def _note(error: CommandError, text: str) -> None:
    """Note on a text's error what else the server has found in that."""
    note = f"the server sent another error without an id: {text}"
    notes = getattr(error, "__notes__", ())
    if note not in notes and len(notes) < limits.ERRORS_NOTED:
        error.add_note(note)


def _unlike_qmp(data: bytes) -> bytes:
    """Return the first line in bytes of a server that is no message, all of them if each is."""
    for line in filter(None, data.splitlines()):
        try:
            message = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return line
        if message == Incoming(id=message.id):
            return line
    return data


def _may_answer(message: Incoming, sent: Sent[Any]) -> bool:
    """Tell whether a reply without an id may be a command's."""
    if sent.is_oob:
        return False
    if message.error is not UNSET:
        return sent.expected is UNSET or message.error.error_class == "CommandNotFound"
    return not sent.is_silent and sent.expected in (UNSET, message.return_value)


def _answers_ff(error: IncomingError | UnsetType) -> bool:
    """Tell whether it is the error that a byte FF is answered with, which is no command's.

    The error shows what the byte made an end of, such as a string of the client before us.

    Spec: guest-sync-delimited, which is best sent behind such a byte.
    """
    return error is not UNSET and error.desc.startswith(_STRAY) and error.desc.endswith("\ufffd'")
