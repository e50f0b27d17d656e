"""The hub: all clients, the one server, and what happens to open requests when one of them goes."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer.errors import CommandError, CommandInterrupted, QMPError
from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor import EncodedEvent, RawClient
from qmpeer.proxy import texts
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.known_answers import KnownAnswers
from qmpeer.proxy.multiplexer import Multiplexer
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Request, Requester
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.server_connection import ServerConnection
from qmpeer.proxy.session import ProxySession
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

_log: Final = logging.getLogger("qmpeer.proxy")


class Hub:
    """All clients of a proxy, and their requests. It runs on one event loop.

    Args:
        window: The in-band commands that may be at the server at once.
        command_timeout: Seconds within which the server must answer a command; None for ever.
        on_lost: Called when the connection to the server has ended, with the reason.

    Attributes:
        window: The same.
        own: Sends the proxy's own commands.
        sessions: The clients, in the order in which they came.
    """

    def __init__(
        self, window: int, command_timeout: float | None, on_lost: Callable[[str], None]
    ) -> None:
        self.window: int = window
        self.own: OwnRequests = OwnRequests(self)
        self._descriptors = Descriptors(self.own)
        self.sessions: dict[ProxySession, None] = {}
        self._command_timeout = command_timeout
        self._on_lost = on_lost
        self._server: ServerConnection | None = None
        self._known = KnownAnswers()
        self._multiplexer = Multiplexer[Request](window)
        self._numbers = itertools.count(1)
        self._open: dict[Request, None] = {}  # those with a deadline, the earliest first
        self._timer: asyncio.TimerHandle | None = None

    @property
    def server(self) -> ServerConnection | None:
        """The connection to the server, while there is one."""
        return self._server

    def join(self, server: ServerConnection) -> None:
        """Take a connection to the server, which has negotiated; greet the clients that wait."""
        self._server = server
        self._known.begin(server.greeting)
        for session in tuple(self.sessions):
            session.greet(server.greeting)
        self._pump()

    # Clients

    def enter(self, rules: ListenerRules, client: RawClient) -> ProxySession:
        """Return the session of a new client; greet it once there is a server."""
        session = ProxySession(self, rules, client, next(self._numbers))
        self.sessions[session] = None
        if self._server is not None:
            session.greet(self._server.greeting)
        return session

    def leave(self, session: ProxySession) -> None:
        """Forget a client that has gone."""
        self.sessions.pop(session, None)
        self._multiplexer.remove(session.lane)
        for request in session.requests:
            self._open.pop(request, None)
        self._descriptors.left(session)

    def execute(
        self, requester: Requester, command: CommandMessage, fds: Sequence[int] = ()
    ) -> None:
        """Execute a command of a client, or of the proxy itself."""
        request = Request(requester, command, self._deadline(), fds)
        requester.open(request)
        known = self._known.get(command)
        if known is not None:
            self._answer(request, known)
            return
        if request.deadline is not None:
            self._open[request] = None
            if self._timer is None:
                self._set_timer(request.deadline)
        if command.is_oob:
            self._send(request)
        else:
            self._multiplexer.add(requester.lane, request)
            self._pump()

    def _pump(self) -> None:
        """Send the commands whose turn it is."""
        if self._server is None:
            return
        while (request := self._multiplexer.take(self._descriptors.may_go)) is not None:
            self._send(request)

    def _send(self, request: Request) -> None:
        error = self._descriptors.check(request)
        if error is None:
            try:
                if self._server is None:
                    raise CommandError("GenericError", "there is no connection")
                self._server.send(request)
                return
            except (QMPError, TypeError, ValueError, OSError) as failure:
                error = texts.not_sent(request, str(failure))
                if request.on_outcome is not None:
                    request.on_outcome(None, False)
        if not request.command.is_oob:
            self._multiplexer.finished()
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
        self._open.pop(request, None)
        if request.fds:
            request.close_fds()
        request.session.answer(request, value, error)

    # Deadlines

    def _deadline(self) -> float | None:
        if self._command_timeout is None:
            return None
        return asyncio.get_running_loop().time() + self._command_timeout

    def _set_timer(self, deadline: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(deadline, self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        assert self._command_timeout is not None
        for request in tuple(self._open):
            if request.deadline is None or request.deadline > now:
                break
            if not request.is_sent:
                self._multiplexer.withdraw(request.session.lane, request)
            self._answer(request, error=texts.too_late(request, self._command_timeout))
        first = next(iter(self._open), None)
        if first is not None and first.deadline is not None:
            self._set_timer(first.deadline)

    # ServerUser

    def answered(
        self, request: Request, value: JsonValue, error: CommandError | CommandInterrupted | None
    ) -> None:
        """Answer a client's request as the server did."""
        if not request.command.is_oob:
            self._multiplexer.finished()
        if request.on_outcome is not None:
            request.on_outcome(value, error is None)
        if error is None:
            self._known.keep(request.command, value)
            self._answer(request, value)
        elif isinstance(error, CommandInterrupted):
            self._answer(request, error=texts.server_lost(request, error.reason))
        else:
            self._answer(request, error={"class": error.error_class, "desc": error.desc})

    def took_place(self, events: Sequence[Event]) -> None:
        """Send events to all clients."""
        encoded = [EncodedEvent(event) for event in events]
        for session in tuple(self.sessions):
            session.send_events(encoded)

    def handed_out(self) -> None:
        """Send the commands that have waited for answers."""
        self._pump()

    def lost(self, connection: ServerConnection, reason: str) -> None:
        """Answer what waits; the server's open requests were answered before."""
        self._server = None
        self._descriptors.clear()
        self._multiplexer.reset()
        requesters: list[Requester] = [*self.sessions, self.own]
        for requester in requesters:
            self._multiplexer.remove(requester.lane)
            for request in requester.requests:
                self._answer(request, error=texts.server_lost(request, reason))
        self._on_lost(reason)
