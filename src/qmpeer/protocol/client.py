"""The client's side of one connection, without I/O.

Each command carries the caller's *token* and gets a short id. The reply is matched by that id. A
command that its caller gave up stays registered, so its late reply is never taken for another's.
Events are numbered from 1 in the order of arrival.

Some servers never echo ids (old guest agents, some emulators). They answer in order, so their
replies are matched in order. Once a server has echoed an id, two kinds of replies aren't ours and
are ignored: returns without an id, and replies with an unknown id (QEMU sends the reply to a client
that has left to the next one).

An error without an id answers a text that the server couldn't parse. The server answers such texts
in order, so the first of these errors ends the oldest in-band command in flight. Further ones are
about the same text, until a reply with an id comes. If that reply belongs to a later command, the
in-band commands in between were refused too. If no later command is in flight, a probe is sent to
find that out.

Spec: qmp-spec, "Issuing Commands", "Out-of-band execution".

[Long on purpose: which reply is whose is one decision, with all its cases.]
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, TypeVar

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
    WireError,
)
from qmpeer.messages import (
    CAPABILITIES,
    CAPABILITIES_COMMAND,
    Event,
    Greeting,
    Incoming,
    IncomingError,
    parse_greeting,
    parse_message,
)
from qmpeer.protocol.agent_marker import answers_marker, is_marker
from qmpeer.protocol.command_queue import CommandQueue
from qmpeer.protocol.first_words import FirstWords
from qmpeer.protocol.outcomes import Completion, Happened, Sent, Unclaimed
from qmpeer.protocol.phases import CLOSED, GREETING, NEGOTIATION, READY, Phase, move
from qmpeer.values import UNSET, JsonObject, JsonValue
from qmpeer.wire import ClientReader

Token = TypeVar("Token")
_OF_READER = ("JSON ", "QMP input ")
"""Beginnings of QEMU's errors about a text rather than a command."""
_decoder = msgspec.json.Decoder(Incoming)


class ClientSession(CommandQueue[Token]):
    """The client's side of a connection with one server.

    Args:
        negotiate: Wait for a greeting and negotiate. A guest agent does neither.
        capabilities: The capabilities to enable; the server must offer each. None enables
            every offered capability that we know.
        max_in_flight: In-band commands sent before the first of them is answered. None sets no
            limit until the first out-of-band command.
        first_id: The first id. A random one makes it unlikely that a reply to the previous client
            is taken for ours. It may be larger than the others, which are below limits.IDS.
        peer: The server's address, for errors.
        message_limit: Bytes of the longest message that is accepted.

    Attributes:
        phase: The connection's phase.
        peer: The server's address.
        greeting: The server's greeting, once it has come.
        greeting_value: Its member "QMP" as it stands.
        capabilities: The enabled capabilities.
        failure: The peer's violation of the protocol, which makes the connection unusable.
        events_received: The number of events received, which is the number of the last one.
        ignored: The number of messages that were for nobody.
        is_busy: True if received bytes are still unread: call `resume` before receiving more.
    """

    __slots__ = (
        "_echoes_ids",
        "_first_words",
        "_has_left",
        "_probe",
        "_reader",
        "_received",
        "_refusal",
        "_requested",
        "_why",
        "capabilities",
        "events_received",
        "failure",
        "greeting",
        "greeting_value",
        "ignored",
        "is_busy",
        "peer",
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
        super().__init__(max_in_flight, first_id)
        self.phase: Phase = GREETING if negotiate else READY
        self.greeting: Greeting | None = None
        self.greeting_value: JsonObject = {}
        self.capabilities: tuple[str, ...] = ()
        self.failure: QMPError | None = None
        self.events_received: int = 0
        self.ignored: int = 0
        self.is_busy: bool = False
        self.peer: str = peer
        self._received = b""
        self._first_words = FirstWords(peer)
        self._requested = None if capabilities is None else tuple(capabilities)
        self._reader: ClientReader[Incoming] = ClientReader(_decoder, message_limit)
        self._has_left = False
        self._echoes_ids: bool | None = None
        # The last error without an id, until a reply has an id.
        self._refusal: CommandError | None = None
        self._probe: Sent[Token] | None = None
        self._why = ""  # a description of what the peer sent instead of QMP

    # Commands

    def execute(
        self,
        name: str,
        arguments: JsonObject | None,
        token: Token,
        is_oob: bool = False,
        fds: tuple[int, ...] = (),
    ) -> Sent[Token]:
        """Queue one command; then send what data_to_send() returns.

        Args:
            name: Any name; the server decides whether it exists.
            arguments: Its arguments; an empty object is left out.
            token: Returned with the outcome.
            is_oob: Execute it out of band.
            fds: Descriptors to send with the command's own bytes.

        Raises:
            LocalProtocolError: Before negotiation is done, after the end, or if out-of-band
                execution isn't enabled. Nothing was sent.
            TypeError: If JSON can't hold the arguments. Nothing was sent.
            ValidationError: If they hold a character that no server accepts. Nothing was sent.
            LimitError: If they are deeper or longer than a server accepts. Nothing was sent.
        """
        if self.phase is not READY:
            raise LocalProtocolError(f"{name} can't be sent: the connection {self.phase.value}")
        if is_oob and "oob" not in self.capabilities:
            raise LocalProtocolError(
                f"{name} can't be sent out of band: enabled is {list(self.capabilities)}, "
                "'oob' would be needed"
            )
        return self._ask(name, arguments, token, is_oob, fds)

    def unanswered(self, sent: Sent[Token], timeout: float | None) -> TimeoutError:
        """Return the error for a command whose deadline has passed.

        It quotes the last error that matched no command: that may have been this command's.
        """
        assert timeout is not None
        # It may be what was left of a longer time: 0.9986 s of a second.
        seconds = f"{round(timeout, 2) or timeout:.4g} s"
        text = f"{sent.name} wasn't answered in {seconds}"
        return TimeoutError(text + self._first_words.hint(is_sure=True) + self._quoted())

    def _quoted(self) -> str:
        """Return what an error of a command adds that may have been refused unnoticed."""
        if not self._unclaimed:
            return ""
        return f"; the server sent an error without an id: {self._unclaimed}"

    # Bytes

    def receive_eof(self) -> None:
        """Note that the server has left and will send no more."""
        self.phase = CLOSED
        self._has_left = True

    def end(self, reason: str) -> list[Completion[Token]]:
        """End the connection, and return the outcomes of the unanswered commands.

        They are interrupted, with one exception: a "quit" or a silent command has succeeded if it
        was sent and `receive_eof` reported that the server has left.

        Args:
            reason: Why it ended.
        """
        self.phase = CLOSED
        outcomes: list[Completion[Token]] = []
        for sent in self.interrupted:
            assert sent.token is not None
            is_leaving = sent.name == "quit" or sent.is_silent
            if self._has_left and is_leaving and not sent.is_waiting:
                outcomes.append(Completion(sent.token, {}))
            else:
                error = CommandInterrupted(sent.name, sent.id, reason + self._quoted())
                outcomes.append(Completion(sent.token, None, error))
        return outcomes

    def receive_data(self, data: bytes) -> list[Happened[Token]]:
        """Take in bytes; return the events, outcomes and unclaimed errors in them, in order.

        Afterwards, look at `failure` and `is_busy`, and send what data_to_send() returns: replies
        let waiting commands go. Nothing is raised.
        """
        if not self._first_words.are_qmp:
            self._first_words.add(data)
        self._received = data
        return self._take_in_all(self._reader.receive_data(data))

    def resume(self) -> list[Happened[Token]]:
        """Read more of the received bytes, for a short time; otherwise like `receive_data`."""
        return self._take_in_all(self._reader.resume())

    def _take_in_all(self, items: Sequence[Any]) -> list[Happened[Token]]:
        happened: list[Happened[Token]] = []
        for item in items:
            try:
                self._take_in(item if type(item) is Incoming else self._look_at(item), happened)
            except QMPError as error:
                if not self._is_harmless(error):
                    is_first = self.greeting is None and not happened
                    why = self._first_words.explain(error, self._received, is_first)
                    self._fail(error, why)
                    break
        if not self._first_words.are_qmp:
            self._look_at_first_words(happened)
        if self._waiting:
            self._release()
        self.is_busy = self._reader.is_busy and self.failure is None
        return happened

    def _look_at(self, item: JsonValue | WireError | LimitError) -> Incoming:
        if isinstance(item, QMPError):
            raise item
        return parse_message(item)

    def _is_harmless(self, error: QMPError) -> bool:
        """Return whether an error about the peer's bytes may be ignored."""
        return is_marker(error)

    def _fail(self, error: QMPError, why: str = "") -> None:
        self.failure = error
        self.phase = CLOSED
        self._why = why or str(error)

    def _look_at_first_words(self, happened: list[Happened[Token]]) -> None:
        """Decide whether the peer speaks QMP, or never will."""
        if self.greeting is not None or happened:
            self._first_words.settle()
        elif self.phase is GREETING:
            fault = self._first_words.fault()
            if fault is not None:
                self._fail(fault)

    def late_to_negotiate(self, timeout: float | None) -> TimeoutError:
        """Return the error for a connection that isn't ready at its deadline."""
        return self._first_words.late(timeout, self.greeting is not None)

    def end_reason(self, error: Exception | None) -> str:
        """Return why a connection ended. Without an error, the server has closed it."""
        if error is not None and error is self.failure:
            return self._why
        reason = "the server closed the connection" if error is None else str(error)
        return reason + self._first_words.hint(is_sure=False)

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
                    self._first_words.turn_away(CommandError(error.error_class, error.desc))
            elif self.phase is NEGOTIATION:
                self._negotiated(message)
            elif sent.token is not None:
                outcome = Completion(sent.token, message.return_value)
                if error is not None:
                    outcome.error = CommandError(
                        error.error_class, error.desc, sent.name, message.id
                    )
                happened.append(outcome)
            else:
                self._take_in_own(sent, happened)
        elif message.greeting is not UNSET:
            self._greeted(message.greeting)
        else:
            raise MessageError("found a message that is no greeting, response or event")

    def _take_in_own(self, sent: Sent[Token], happened: list[Happened[Token]]) -> None:
        """Handle the answer to a command that nobody waits for."""

    def _take_in_refusal(self, found: IncomingError, happened: list[Happened[Token]]) -> None:
        """Handle an error without an id: the server couldn't parse something that we sent.

        Spec: QEMU answers such texts in order with in-band commands. It answers one that is nested
        too deep with hundreds of errors.
        """
        oldest = None if answers_marker(found) else next(self._sent_in_band(), None)
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
        """Send one probe: when it is answered, the unanswered commands before it were refused.

        A parser that has lost its place reports many errors about one text. An error of another
        kind may be about the next command, and that may be the last one.
        """
        if self._probe is None or self._pending.get(self._probe.id) is not self._probe:
            name = "guest-ping" if self.greeting is None else "query-version"
            self._probe = self._ask(name, None, None, False, ())

    def _end_refused(
        self, id: object, error: CommandError, happened: list[Happened[Token]]
    ) -> None:
        """End the in-band commands before one that is answered: the server has skipped them.

        Out-of-band answers prove nothing: they overtake the errors about a text.
        """
        answered = self._pending.get(id) if type(id) is int else None
        if answered is None or answered.is_oob:
            return
        self._refusal = None
        for sent in list(takewhile(lambda sent: sent is not answered, self._sent_in_band())):
            if not sent.is_silent:  # a silent command may have succeeded
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

    def _match(self, message: Incoming) -> Sent[Token] | None:
        """Return the command that a reply answers, or None if it isn't one of ours."""
        id = message.id
        if type(id) is int:
            sent = self._pending.pop(id, None)
            if sent is None:
                return None
            if sent.expected is not UNSET and message.return_value not in (UNSET, sent.expected):
                self._pending[id] = sent  # a late reply to an earlier command with the same id
                return None
            self._echoes_ids = True
        elif id is UNSET and not self._echoes_ids and not answers_marker(message.error):
            pending = self._pending.values()
            first = next((s for s in pending if self._may_answer(message, s)), None)
            if first is None:
                return None
            sent = self._pending.pop(first.id)
        else:
            return None
        if not sent.is_oob:
            self._left_flight(sent)
        return sent

    def _may_answer(self, message: Incoming, sent: Sent[Token]) -> bool:
        """Return whether a reply without an id may answer a command."""
        return not sent.is_oob

    # Negotiation

    def _greeted(self, value: Any) -> None:
        if self.phase is not GREETING:  # a pty's monitor greets twice
            self.ignored += 1
            return
        self.greeting = greeting = parse_greeting(value)
        self.greeting_value = value
        self.phase = move(self.phase, NEGOTIATION)
        requested = self._requested
        if requested is None:
            requested = tuple(c for c in CAPABILITIES if c in greeting.capabilities)
        elif not set(requested) <= set(greeting.capabilities):
            raise NegotiationError(requested, greeting.capabilities, "not all are offered")
        self.capabilities = requested
        arguments: JsonObject = {"enable": list(requested)} if requested else {}
        self._ask(CAPABILITIES_COMMAND, arguments, None, False, ())

    def _negotiated(self, message: Incoming) -> None:
        if message.error is not UNSET:
            offered = self.greeting.capabilities if self.greeting else ()
            raise NegotiationError(self.capabilities, offered, message.error.desc)
        self.phase = move(self.phase, READY)


def _note(error: CommandError, text: str) -> None:
    """Add a further error about the same text as a note."""
    note = f"the server sent another error without an id: {text}"
    notes = getattr(error, "__notes__", ())
    if note not in notes and len(notes) < limits.ERRORS_NOTED:
        error.add_note(note)
