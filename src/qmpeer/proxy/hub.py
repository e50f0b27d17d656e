"""The hub: all clients, the one server, and what happens to open requests when one of them goes."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.errors import CommandError, CommandInterrupted
from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor import RawClient
from qmpeer.policy import blanked
from qmpeer.protocol import Completion
from qmpeer.proxy import texts
from qmpeer.proxy.deadlines import Deadlines
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.dispatch import Dispatch
from qmpeer.proxy.event_history import EventHistory
from qmpeer.proxy.extensions import Extensions
from qmpeer.proxy.facts import ServerFacts
from qmpeer.proxy.guard import Guard
from qmpeer.proxy.known_answers import SCHEMA, KnownAnswers
from qmpeer.proxy.late_judgement import LateJudge
from qmpeer.proxy.logbook import Logbook
from qmpeer.proxy.multiplexer import Multiplexer
from qmpeer.proxy.opener import FileOpener
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.recorder import Recorder
from qmpeer.proxy.request import Request, Requester
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.server_connection import ServerConnection, ServerTraffic
from qmpeer.proxy.session import ProxySession
from qmpeer.proxy.witness import COMMANDS, Witness
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.audit import AuditLog
    from qmpeer.policy import Policy, Verdict

_NOTED: Final = COMMANDS | {SCHEMA}


class Hub:
    """All clients of a proxy, and their requests. It runs on one event loop.

    Args:
        window: The in-band commands that may be at the server at once.
        command_timeout: Seconds within which the server must answer a command; None for ever.
        waits: While there is no server, let commands and new clients wait for one. Otherwise
            commands fail, and new clients are greeted as by the last server.
        on_lost: Called when the connection to the server has ended, with the reason.
        policy: What clients may do; None for everything.
        audit: The log of what they do.

    Attributes:
        window: The same.
        client_window: The in-band commands of one client that may be here at once.
        own: Sends the proxy's own commands.
        sessions: The clients, in the order in which they came.
        logbook: The numbers of what has passed.
        traffic: The part of these about the server.
        witness: The witness of the server, or of the last one.
    """

    def __init__(
        self,
        window: int,
        command_timeout: float | None,
        waits: bool,
        on_lost: Callable[[str], None],
        policy: "Policy | None" = None,
        audit: "AuditLog | None" = None,
    ) -> None:
        self.window: int = window
        is_slow = audit is not None and audit.is_slow
        self.client_window: int = limits.AUDIT_GROUP if is_slow else window
        self.own: OwnRequests = OwnRequests(self)
        self.sessions: dict[ProxySession, None] = {}
        self.logbook: Logbook = Logbook()
        self.traffic: ServerTraffic = self.logbook.traffic
        self.witness: Witness | None = None
        self._waits = waits
        self._on_lost = on_lost
        self._server: ServerConnection | None = None
        self._refusal: str | None = None  # why commands fail at once
        self._greeting: JsonObject | None = None  # for new clients
        self._held: dict[Request, None] = {}  # out-of-band ones, while there is no server
        self._history = EventHistory()
        self._extensions = Extensions(self._history)
        self._known = KnownAnswers()
        self._multiplexer = Multiplexer[Request](window)
        self._descriptors = Descriptors(self.own, self._multiplexer.hold_back)
        self._numbers = itertools.count(1)
        self._deadlines = Deadlines(command_timeout, self._give_up)
        self._facts = ServerFacts(self.own, self._descriptors, self._unix_socket)
        opener = FileOpener(self.own, self._descriptors)
        self._guard = Guard(self, self._facts, LateJudge(self._facts, opener))
        self._recorder: Recorder | None = None
        if audit is not None:
            self._recorder = Recorder(audit)
            self.logbook.watch(self._recorder)
        self._dispatch = Dispatch(
            self._descriptors,
            self._facts.nodes,
            self._multiplexer,
            self._recorder,
            self._objection,
            self._cannot_be_sent,
        )
        if policy is not None:
            self.set_policy(policy)
        self._on_empty: Callable[[], None] | None = None  # once the proxy has ended

    @property
    def server(self) -> ServerConnection | None:
        """The connection to the server, while there is one."""
        return self._server

    def _unix_socket(self) -> int | None:
        return None if self._server is None else self._server.unix_socket

    def join(self, server: ServerConnection, events: Sequence[Event] = ()) -> None:
        """Take a connection to the server, which has negotiated.

        Args:
            server: The connection.
            events: Events of ours for the clients that are there.
        """
        self._server = server
        self._facts.forget()
        self._dispatch.begin(server)
        self.logbook.server_ready()
        self._refusal = None
        self._greeting = server.greeting
        self.witness = server.witness()
        self._known.begin(server.greeting)
        self.took_place(events)
        for session in tuple(self.sessions):
            session.greet(server.greeting)
        held, self._held = self._held, {}
        for request in held:
            self._dispatch.send(request)
        self._multiplexer.open()
        self.pump()

    @property
    def policy(self) -> "Policy | None":
        """What clients may do; None for everything."""
        return self._guard.policy

    def set_policy(self, policy: "Policy | None") -> None:
        """Take a policy, for the clients that are there, too. What was sent stays sent.

        What waits for its turn is judged again when that comes.
        """
        self._guard.policy = policy
        self.logbook.policy_changed(policy)
        for session in self.sessions:
            session.set_policy(policy)

    # Clients

    def enter(self, rules: ListenerRules, client: RawClient) -> ProxySession:
        """Return the session of a new client; greet it once there is a server."""
        now = asyncio.get_running_loop().time()
        number = next(self._numbers)
        policy = self._guard.policy
        session = ProxySession(self, rules, client, number, self._extensions, now, policy)
        self.sessions[session] = None
        self.logbook.client_connected(session)
        if self._on_empty is not None:
            asyncio.get_running_loop().call_soon(client.close)
        elif self._greeting is not None:
            session.greet(self._greeting)
        return session

    def leave(self, session: ProxySession) -> None:
        """Forget a client that has gone."""
        self.sessions.pop(session, None)
        dropped = self._multiplexer.remove(session.lane)
        for request in session.requests:
            self._deadlines.remove(request)
            self._held.pop(request, None)
            self._end_unsent(request, "its client has left")
        self._descriptors.left(session)
        self.logbook.client_gone(session, len(dropped))
        if not self.sessions and self._on_empty is not None:
            self._on_empty()

    def execute(
        self,
        requester: Requester,
        command: CommandMessage,
        fds: Sequence[int] = (),
        refusal: str | None = None,
    ) -> None:
        """Execute a command of a client, or of the proxy itself; see `Executor.execute`."""
        now = asyncio.get_running_loop().time()
        request = Request(requester, command, now, fds, refusal)
        requester.open(request)
        self._deadlines.add(request)
        if requester.rights is None:
            self.admit(request)
        else:
            self._guard.check(request, requester.rights)

    # Desk

    def admit(self, request: Request) -> None:
        """Execute a request that is allowed."""
        command = request.command
        recorder = self._recorder
        known = self._known.get(command)
        if known is not None:
            self._answer_known(request, known)
        elif (
            recorder is not None
            and recorder.is_slow
            and not command.is_oob
            and not (request.refusal or self._refusal)  # then it is answered at once
        ):
            recorder.begin_slowly(request, self._admit_recorded)  # those that wait share a sync
        else:
            self._take(request)

    def _admit_recorded(self, request: Request, failure: str | None) -> None:
        """Execute a request that is on record, unless nobody waits for it any more."""
        if failure is not None:
            self._answer(request, error=texts.not_sent(request, failure))
        elif not request.is_answered:
            self._take(request)

    def _take(self, request: Request) -> None:
        command = request.command
        refusal = request.refusal or self._refusal
        if refusal is not None:
            self._answer(request, error=texts.server_lost(request, refusal))
        elif command.is_oob and self._server is None:
            self._held[request] = None
        elif command.is_oob or self._multiplexer.add(request.requester.lane, request):
            self._dispatch.send(request)
        elif self._multiplexer.is_holding:
            self.pump()

    def _answer_known(self, request: Request, value: JsonValue) -> None:
        failure = None if self._recorder is None else self._recorder.begin(request)
        if failure is not None:
            self._answer(request, error=texts.not_sent(request, failure))
            return
        self._answer(request, value)
        if self._recorder is not None:
            self._recorder.end(request, None)

    def refuse(self, request: Request, verdict: "Verdict", error: JsonObject) -> None:
        """Answer a request that isn't allowed."""
        self.logbook.denied(request, verdict)
        self._answer(request, error=error)

    def would_refuse(self, request: Request, verdict: "Verdict") -> None:
        """Note that a request isn't allowed, but goes on, in a dry run."""
        self.logbook.denied(request, verdict, is_dry_run=True)

    def _end_unsent(self, request: Request, reason: str) -> None:
        """Record that a request, if it is on record, wasn't sent."""
        if request.record is not None and self._recorder is not None and not request.is_sent:
            self._recorder.end_unsent(request, reason)

    def _objection(self, request: Request) -> JsonObject | None:
        """Return the error for a request that a newer policy denies."""
        verdict = self._guard.objection(request)
        if verdict is None:
            return None
        self.logbook.denied(request, verdict)
        return verdict.error(request.command.name)

    def _cannot_be_sent(self, request: Request, error: JsonObject) -> None:
        self._answer(request, error=error)

    def _answer(
        self,
        request: Request,
        value: JsonValue = None,
        error: JsonObject | None = None,
    ) -> None:
        if request.is_answered:
            close_all(request.take_reply_fds())
            return
        self._deadlines.remove(request)
        if error is not None:
            self._end_unsent(request, str(error["desc"]))
        if request.fds:
            request.close_fds()
        if request.blank and error is None:
            value = blanked(value, request.blank)
        request.requester.answer(request, value, error)

    def _give_up(self, request: Request, seconds: float) -> None:
        """Answer a request that had so much time."""
        self._withdraw(request)
        has_server = self._server is not None
        self._answer(request, error=texts.too_late(request, seconds, has_server))
        if self._multiplexer.is_holding:
            self.pump()  # it may have held back those behind it

    def _withdraw(self, request: Request) -> None:
        """Let a request wait no more, if it wasn't sent."""
        if request.command.is_oob:
            self._held.pop(request, None)
        elif not request.is_sent:
            self._multiplexer.withdraw(request.requester.lane, request)

    # ServerUser

    def answered(
        self, request: Request, value: JsonValue, error: CommandError | CommandInterrupted | None
    ) -> None:
        """Answer a client's request as the server did."""
        if not request.command.is_oob:
            self._multiplexer.finished()
        if request.on_outcome is not None:
            request.on_outcome(value, error is None)
        if request.is_answered and not isinstance(error, CommandInterrupted):
            self.logbook.reply_dropped(is_late=request.requester in self.sessions)
        if error is None:
            if request.command.name in _NOTED:
                self._note(request.command, value)
            self._answer(request, value)
        elif isinstance(error, CommandInterrupted):
            self._answer(request, error=texts.server_lost(request, error.reason))
        else:
            self._answer(request, error={"class": error.error_class, "desc": error.desc})
        if self._recorder is not None:  # last: its client needn't wait for that
            self._recorder.end(request, error)

    def _note(self, command: CommandMessage, value: JsonValue) -> None:
        """Note the success of a command that says something about the server."""
        if command.name == SCHEMA:
            self._known.keep(command, value)
        elif self.witness is not None:
            self.witness.executed(command)

    def took_place(self, events: Sequence[Event]) -> None:
        """Give events their numbers, keep them, and send them to all clients."""
        if not events:
            return
        if self.witness is not None:
            self.witness.took_place(events)
        batch = self._history.add(events)
        for session in tuple(self.sessions):
            session.send_events(batch)

    def pump(self) -> None:
        """Send the commands whose turn it is."""
        while (request := self._multiplexer.take()) is not None:
            self._dispatch.send(request)

    def lost(self, reason: str, cut_off: Sequence[Completion[Request]]) -> None:
        """Answer everything that is open, once the connection to the server has ended."""
        self._server = None
        self._dispatch.end()
        for held in self._descriptors.clear():
            if self.witness is not None:
                self.witness.leave_behind("descriptor", held.names)
                self.witness.leave_behind("fd-set", map(str, held.sets))
        self._facts.forget()
        self.logbook.server_lost(reason)
        self._multiplexer.close()
        self._known.forget()
        if self._waits:
            self._greeting = None
            for session in self.sessions:
                session.refuse_waiting(reason)
        else:
            self._refusal = reason
        # What comes from now on, because an answer makes room for it, isn't among these.
        requests = self._open_requests()
        for outcome in cut_off:
            self.answered(outcome.token, outcome.value, outcome.error)
        self._fail(requests, reason)
        self._on_lost(reason)

    def end(self, reason: str, on_empty: Callable[[], None]) -> None:
        """Answer everything that is open or still comes with an error; disconnect the clients then.

        Args:
            reason: Why.
            on_empty: Called when all have gone, within limits.CLOSE_TIMEOUT seconds.
        """
        self.logbook.end()
        self._waits = False
        self._refusal = reason
        if self._server is not None:
            self._server.close()
        self._fail(self._open_requests(), reason)
        self._deadlines.close()
        self._on_empty = on_empty
        for session in tuple(self.sessions):
            session.finish()
        if not self.sessions:
            on_empty()

    def _open_requests(self) -> list[Request]:
        requesters: list[Requester] = [*self.sessions, self.own]
        return [request for requester in requesters for request in requester.requests]

    def _fail(self, requests: Sequence[Request], reason: str) -> None:
        for request in requests:
            if request.is_answered:
                continue
            self._withdraw(request)
            self._answer(request, error=texts.server_lost(request, reason))
