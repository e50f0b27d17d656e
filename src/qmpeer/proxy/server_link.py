"""The link to the server: which connection there is, what follows its end, and what ends the proxy.

::

    DOWN -> CONNECTING -> READY -> LOST -> CONNECTING -> READY ...     (CLOSED from each)
      <---------'                   <---------'

Without `persists`, CLOSED follows READY at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, Protocol

from qmpeer import limits
from qmpeer.client.backoff import Backoff
from qmpeer.errors import ConnectionClosed, QMPError
from qmpeer.messages import Event, Timestamp
from qmpeer.proxy.server_connection import ServerConnection
from qmpeer.proxy.witness import Witness
from qmpeer.values import JsonObject

_log: Final = logging.getLogger("qmpeer.proxy")
SERVER_LOST: Final = "__QMPEER_SERVER_LOST"
SERVER_BACK: Final = "__QMPEER_SERVER_BACK"

Dial = Callable[[float | None], Awaitable[ServerConnection]]
"""Connects to the server and negotiates, within a timeout in seconds."""


class LinkPhase(Enum):
    """The phase of the link; its value completes "the proxy …"."""

    DOWN = "hasn't connected to its server yet"
    CONNECTING = "connects to its server"
    READY = "has its server"
    LOST = "has lost its server"
    CLOSED = "is closed"


_MOVES: Final = {
    LinkPhase.DOWN: {LinkPhase.CONNECTING},
    LinkPhase.CONNECTING: {LinkPhase.READY, LinkPhase.DOWN, LinkPhase.LOST},
    LinkPhase.READY: {LinkPhase.LOST},
    LinkPhase.LOST: {LinkPhase.CONNECTING},
    LinkPhase.CLOSED: set[LinkPhase](),
}


class LinkUser(Protocol):
    """The part of the hub that the link tells."""

    @property
    def witness(self) -> Witness | None:
        """The witness of the current server, or of the last one."""

    def join(self, server: ServerConnection, events: list[Event]) -> None:
        """Take a connection that has negotiated, and send events of ours to the clients."""

    def took_place(self, events: list[Event]) -> None:
        """Send events to the clients."""


class ServerLink:
    """The series of a proxy's connections to its server.

    Args:
        user: Gets the connections.
        dial: Makes one.
        timeout: The time limit in seconds for the first connection, and for each later one; None
            waits for ever for the first one.
        persists: Stay when a connection ends.
        reconnect: Connect again by itself then: True for ever, or for how many seconds.
        on_change: Called with True when there is a connection, and with False when it has ended and
            the link persists.
        on_end: Called once, with the reason, when a connection has ended and no other will follow.

    Attributes:
        phase: The phase.
        end_reason: Why no further connection follows; None before that, and after `close`.
        is_orderly_end: True if the server had said before that it ends.
        last_failure: What the last attempt to connect again failed with.
    """

    def __init__(
        self,
        user: LinkUser,
        dial: Dial,
        *,
        timeout: float | None,
        persists: bool,
        reconnect: bool | float,
        on_end: Callable[[], None],
        on_change: Callable[[bool], None],
    ) -> None:
        self.phase: LinkPhase = LinkPhase.DOWN
        self.end_reason: str | None = None
        self.is_orderly_end: bool = False
        self.last_failure: Exception | None = None
        self._user = user
        self._dial = dial
        self._timeout = timeout
        self._persists = persists
        self._reconnect = reconnect
        self._on_end = on_end
        self._on_change = on_change
        self._attempt_lock = asyncio.Lock()
        self._backoff: Backoff | None = None
        self._ready_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def _move(self, following: LinkPhase) -> None:
        assert following in _MOVES[self.phase], (self.phase, following)
        self.phase = following

    # Connecting

    async def connect(self) -> None:
        """Connect to the server, or do nothing if there is a connection.

        Raises:
            OSError: If the connection fails.
            TimeoutError: If the server isn't ready in time.
            QMPError: If it doesn't speak QMP, or leaves; ConnectionClosed if the link was closed.
        """
        async with self._attempt_lock:
            if self.phase is not LinkPhase.READY:
                is_first = self.phase is LinkPhase.DOWN
                await self._attempt(self._timeout if is_first else self._longest)

    @property
    def _longest(self) -> float:
        # Always a limit: a server that is stopped accepts connections, but never greets.
        return limits.CONNECT_TIMEOUT if self._timeout is None else self._timeout

    async def _attempt(self, timeout: float | None) -> None:
        before = self.phase
        if before is LinkPhase.CLOSED:
            raise ConnectionClosed("the proxy was closed")
        self._move(LinkPhase.CONNECTING)
        try:
            connection = await self._dial(timeout)
        except BaseException as error:
            if self.phase is LinkPhase.CONNECTING:
                self._move(before)
            if isinstance(error, Exception):
                self.last_failure = error
            raise
        if self.phase is not LinkPhase.CONNECTING:
            connection.close()
            raise ConnectionClosed("the proxy was closed")
        self._move(LinkPhase.READY)
        self._ready_at = time.monotonic()
        self.last_failure = None
        last, new = self._user.witness, connection.witness()
        self._user.join(connection, [] if last is None else [_event(SERVER_BACK, last.back(new))])
        connection.begin()
        self._on_change(True)
        if last is not None:
            _log.warning("there is a server again")

    # Loss

    def lost(self, reason: str) -> None:
        """Note that the connection has ended, and its open requests are answered."""
        if self.phase is not LinkPhase.READY:
            return
        self._move(LinkPhase.LOST)
        if not self._persists:
            self._end(reason)
            return
        _log.warning("the server has gone: %s", reason)
        reconnects = self._reconnect is not False
        self._user.took_place([_event(SERVER_LOST, {"reason": reason, "reconnects": reconnects})])
        self._on_change(False)
        if reconnects:
            self._task = asyncio.get_running_loop().create_task(self._connect_again())

    async def _connect_again(self) -> None:
        """Try until there is a connection, or until the back-off's deadline."""
        backoff, lasted = self._backoff, time.monotonic() - self._ready_at
        if backoff is None or lasted > limits.RECONNECT_DELAY_MOST:
            seconds = None if isinstance(self._reconnect, bool) else self._reconnect
            self._backoff = backoff = Backoff(seconds)
        else:  # a server that leaves again and again isn't tried without a pause
            await asyncio.sleep(backoff.next_delay())
        while True:
            try:
                async with self._attempt_lock:
                    if self.phase is not LinkPhase.LOST:
                        return
                    await self._attempt(backoff.countdown.remaining(self._longest))
                    return
            except (OSError, QMPError) as error:
                _log.info("no connection to the server yet: %s", error)
                if backoff.countdown.is_over:
                    self._end(backoff.exhausted(error).reason)
                    return
                await asyncio.sleep(backoff.next_delay())
            except Exception as error:  # trying again wouldn't help
                self._end(backoff.exhausted(error).reason)
                return

    # The end

    def _end(self, reason: str) -> None:
        if self.phase is LinkPhase.CLOSED:
            return
        witness = self._user.witness
        self.phase = LinkPhase.CLOSED
        self.end_reason = reason
        self.is_orderly_end = witness is not None and witness.is_ending
        self._on_end()

    def close(self) -> None:
        """Make no further connection. The one that there is isn't closed."""
        self.phase = LinkPhase.CLOSED
        if self._task is not None:
            self._task.cancel()

    async def wait_closed(self) -> None:
        """Wait until no attempt to connect again is under way."""
        if self._task is not None:
            await asyncio.wait((self._task,))


def _event(name: str, data: JsonObject) -> Event:
    now = time.time_ns() // 1000
    return Event(name, data, Timestamp(now // 1_000_000, now % 1_000_000))
