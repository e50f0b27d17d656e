"""The proxy's side of one client: its open requests, and their answers in its order."""

from collections import deque
from typing import Protocol

from qmpeer.messages import CommandMessage
from qmpeer.monitor import EncodedEvent, RawClient, Reply
from qmpeer.proxy.multiplexer import Lane
from qmpeer.proxy.request import Request
from qmpeer.proxy.rules import ListenerRules
from qmpeer.values import JsonObject, JsonValue


class Executor(Protocol):
    """The executor of all clients' commands."""

    def execute(self, session: "ProxySession", command: CommandMessage) -> None:
        """Execute a client's command, and `ProxySession.answer` it, now or later."""

    def leave(self, session: "ProxySession") -> None:
        """Forget a client that has gone."""


class ProxySession:
    """The session of a client, which `qmpeer.monitor` calls.

    Args:
        executor: Executes its commands.
        rules: The rules of the listener that it came in by.
        client: The client.
        number: Its number, counted from 1.

    Attributes:
        lane: Its commands that wait for the server.
        is_greeted: True once it was greeted.
        is_ready: True once it gets events.
        refusal: While requests wait that came before the server's end: why that was.
    """

    __slots__ = (
        "_executor",
        "_in_band",
        "_out_of_band",
        "client",
        "is_greeted",
        "is_ready",
        "lane",
        "number",
        "refusal",
        "rules",
    )

    def __init__(
        self, executor: Executor, rules: ListenerRules, client: RawClient, number: int
    ) -> None:
        self._executor = executor
        self._in_band: deque[Request] = deque()
        self._out_of_band: set[Request] = set()
        self.client: RawClient = client
        self.is_greeted: bool = False
        self.is_ready: bool = False
        self.lane: Lane[Request] = Lane()
        self.number: int = number
        self.refusal: str | None = None
        self.rules: ListenerRules = rules

    @property
    def requests(self) -> list[Request]:
        """The requests that aren't answered, in-band ones first."""
        return [each for each in (*self._in_band, *self._out_of_band) if not each.is_answered]

    def greet(self, greeting: JsonObject) -> None:
        """Greet the client, once."""
        if not self.is_greeted:
            self.is_greeted = True
            self.client.greet(greeting, self._begin)

    def _begin(self) -> None:
        self.is_ready = True

    def finish(self) -> None:
        """Disconnect the client once all its requests that came are answered."""
        if self.is_greeted:
            self.client.finish()
        else:
            self.client.close()

    def refuse_waiting(self, reason: str) -> None:
        """Let those requests fail that have come, but that wait for room in the window.

        They were meant for a server that has gone.
        """
        if self.is_greeted and self.client.has_requests:
            self.refusal = reason

    def open(self, request: Request) -> None:
        """Add a request, which will be answered."""
        if request.command.is_oob:
            self._out_of_band.add(request)
        else:
            self._in_band.append(request)

    def answer(
        self, request: Request, value: JsonValue = None, error: JsonObject | None = None
    ) -> None:
        """Answer a request; an in-band one not before the earlier ones."""
        request.is_answered = True
        reply = Reply(request.command, value, error)
        if request.command.is_oob:
            self._out_of_band.discard(request)
            self.client.deliver(reply)
            return
        in_band = self._in_band
        if in_band[0] is request and (len(in_band) == 1 or in_band[1].reply is None):
            in_band.popleft()  # the fast path
            self.client.deliver(reply)
            return
        request.reply = reply
        replies: list[Reply] = []
        while in_band and (first := in_band[0].reply) is not None:
            replies.append(first)
            in_band.popleft()
        self.client.deliver(*replies)

    def send_events(self, events: list[EncodedEvent]) -> None:
        """Send events to the client, if it has negotiated."""
        if self.is_ready:
            self.client.deliver(*events)

    # RawSession

    def execute(self, command: CommandMessage) -> None:
        """Execute a command; see `qmpeer.monitor.RawSession`."""
        self.is_ready = True  # it has negotiated, though the call of _begin is still to come
        self._executor.execute(self, command)
        if self.refusal is not None and not self.client.has_requests:
            self.refusal = None

    def close(self) -> None:
        """Forget the client: what waits is dropped, and so are the answers to what was sent."""
        self._executor.leave(self)
        for request in (*self._in_band, *self._out_of_band):
            request.is_answered = True
        self._in_band.clear()
        self._out_of_band.clear()
