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
from qmpeer.proxy.known_answers import KnownAnswers
from qmpeer.proxy.logbook import Logbook
from qmpeer.proxy.multiplexer import Multiplexer
from qmpeer.proxy.request import Request
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.server_connection import ServerConnection, ServerTraffic
from qmpeer.proxy.session import ProxySession
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
        sessions: The clients, in the order in which they came.
        logbook: The numbers of what has passed.
        traffic: Those of the server.
    """

    def __init__(
        self, window: int, command_timeout: float | None, on_lost: Callable[[str], None]
    ) -> None:
        self.window: int = window
        self.sessions: dict[ProxySession, None] = {}
        self.logbook: Logbook = Logbook()
        self.traffic: ServerTraffic = self.logbook.traffic
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
        self.logbook.server_ready()
        self._known.begin(server.greeting)
        for session in tuple(self.sessions):
            session.greet(server.greeting)
        self._pump()

    # Clients

    def enter(self, rules: ListenerRules, client: RawClient) -> ProxySession:
        """Return the session of a new client; greet it once there is a server."""
        now = asyncio.get_running_loop().time()
        session = ProxySession(self, rules, client, next(self._numbers), now)
        self.sessions[session] = None
        self.logbook.client_connected(session)
        if self._server is not None:
            session.greet(self._server.greeting)
        return session

    def leave(self, session: ProxySession) -> None:
        """Forget a client that has gone."""
        self.sessions.pop(session, None)
        dropped = self._multiplexer.remove(session.lane)
        for request in session.requests:
            self._open.pop(request, None)
        self.logbook.client_gone(session, len(dropped))

    def execute(self, session: ProxySession, command: CommandMessage) -> None:
        """Execute a client's command."""
        now = asyncio.get_running_loop().time()
        timeout = self._command_timeout
        request = Request(session, command, now, None if timeout is None else now + timeout)
        session.open(request)
        known = self._known.get(command)
        if known is not None:
            session.answer(request, known)
            return
        if request.deadline is not None:
            self._open[request] = None
            if self._timer is None:
                self._set_timer(request.deadline)
        if command.is_oob:
            self._send(request)
        else:
            self._multiplexer.add(session.lane, request)
            self._pump()

    def _pump(self) -> None:
        """Send the commands whose turn it is."""
        if self._server is None:
            return
        while (request := self._multiplexer.take()) is not None:
            self._send(request)

    def _send(self, request: Request) -> None:
        try:
            if self._server is None:
                raise CommandError("GenericError", "there is no connection")
            self._server.send(request)
        except (QMPError, TypeError) as error:
            if not request.command.is_oob:
                self._multiplexer.finished()
            self._answer(request, error=texts.not_sent(request, str(error)))

    def _answer(
        self,
        request: Request,
        value: JsonValue = None,
        error: JsonObject | None = None,
    ) -> None:
        if not request.is_answered:
            self._open.pop(request, None)
            request.session.answer(request, value, error)

    # Deadlines

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
        if request.is_answered and not isinstance(error, CommandInterrupted):
            self.logbook.reply_dropped(is_late=request.session in self.sessions)
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
        self.logbook.server_lost(reason)
        self._multiplexer.reset()
        for session in tuple(self.sessions):
            self._multiplexer.remove(session.lane)
            for request in session.requests:
                self._answer(request, error=texts.server_lost(request, reason))
        self._on_lost(reason)
