"""The blocking client's reconnecting channel.

There is no background thread. The next thread that needs the connection, for a command or for
events, makes a new one; other threads wait for it.
"""

import threading
from collections.abc import Callable, Sequence
from time import sleep
from typing import TypeAlias

from qmpeer import limits
from qmpeer.client.backoff import Backoff
from qmpeer.client.blocking.channel import INTERRUPTED, Channel, OnLost
from qmpeer.client.blocking.roles import Role
from qmpeer.client.events import EventLog
from qmpeer.client.reconnection import (
    ConnectionSeries,
    late_to_connect,
)
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import ConnectionClosed, LocalProtocolError, QMPError
from qmpeer.protocol import CLOSED_BY_US
from qmpeer.transport import AddressLike
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject, JsonValue

OpenChannel: TypeAlias = Callable[[float | None, EventLog, OnLost | None], Channel]
"""A function that connects and negotiates, within a timeout in seconds."""


class ReconnectingChannel(ConnectionSeries[Channel]):
    """The series of a blocking client's connections. `begin` makes the first.

    Attributes:
        is_closing: True once `close` was called.
    """

    end: ConnectionClosed | None

    def __init__(
        self, address: AddressLike, open_channel: OpenChannel, seconds: float | None
    ) -> None:
        super().__init__(address, seconds)
        self._open = open_channel
        self._lock = threading.RLock()  # guards _maker
        self.is_closing: bool = False
        self._maker: Role | None = None
        self._backoff: Backoff | None = None  # None while there is a connection
        own(self)

    def begin(self, timeout: float | None) -> None:
        """Make the first connection, within `timeout` seconds."""
        self._adopt(self._open(timeout, self.log, self._lost))

    def _disown(self, reason: str) -> None:
        """End the series in a forked child: the connection belongs to the parent."""
        self._lock = threading.RLock()
        self._maker = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    def fileno(self) -> int:
        """Return the descriptor of the current connection."""
        return self.current.fileno()

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> JsonValue:
        """Execute one command, as described at `Client.execute`; reconnect first if necessary."""
        deadline = Deadline(timeout)
        while True:
            channel = self.current
            # Notice a server that left long ago before sending: a command sent into its closed
            # connection would be reported as one with an unknown outcome.
            channel.take_in_what_has_arrived()
            if channel.end is not None:
                channel = self.connected(deadline)
                timeout = deadline.remaining()
            try:
                return channel.execute(command, arguments, timeout, is_oob, fds)
            except ConnectionClosed:  # lost before the command was sent
                if channel.end is None or self.end is not None:
                    raise

    def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait for is_done(); return False at the deadline, raise if reconnecting ends."""
        while True:
            try:
                return self.current.wait(is_done, deadline)
            except ConnectionClosed:
                try:
                    self.connected(deadline)
                except TimeoutError:
                    return is_done()

    def check_waits(self) -> None:
        """Let every wait check its condition, at once or after `limits.WAIT_CHECK`."""
        self.current.check_waits()

    def take_in_what_has_arrived(self) -> None:
        """Receive until nothing more arrives."""
        self.current.take_in_what_has_arrived()

    def connected(self, deadline: Deadline) -> Channel:
        """Return the current connection, or make a new one.

        Raises:
            TimeoutError: If there is none in time.
            ConnectionClosed: If the client has given up or was closed.
        """
        role = Role()
        try:
            self._wait_for_role(role, deadline)
            return self._made(deadline)
        finally:
            if self._maker is role:
                self._maker = None

    def _made(self, deadline: Deadline) -> Channel:
        while self.end is None:
            if self.current.end is None:
                return self.current
            self._try(deadline)
        raise ConnectionClosed(self.end.reason) from self.end.__cause__

    def _wait_for_role(self, role: Role, deadline: Deadline) -> None:
        while not self._takes_role(role):
            remaining = deadline.remaining()
            if remaining is not None and remaining <= 0:
                raise TimeoutError(
                    "the connection was lost, and another thread is still making a new one"
                )
            sleep(min(limits.WAKE_INTERVAL, remaining or limits.WAKE_INTERVAL))

    def _takes_role(self, role: Role) -> bool:
        with self._lock:
            if self._maker is None:
                self._maker = role
            elif self._maker.thread == role.thread:
                raise LocalProtocolError(INTERRUPTED)
        return self._maker is role

    def _try(self, deadline: Deadline) -> None:
        """Try once to reconnect; after a failure, wait for the delay before the next attempt."""
        if self._backoff is None:
            self._backoff = Backoff(self._seconds)
        backoff = self._backoff
        remaining = deadline.remaining()
        most = (
            limits.CONNECT_TIMEOUT if remaining is None else min(limits.CONNECT_TIMEOUT, remaining)
        )
        seconds = backoff.countdown.remaining(max(0.0, most))
        try:
            channel = self._open(seconds, self.log, self._lost)
        except (OSError, QMPError) as error:
            remaining = deadline.remaining()
            if backoff.countdown.is_over:
                self.end = backoff.exhausted(error)
            elif remaining is not None and remaining <= 0:
                raise late_to_connect(error) from None
            else:
                delay = backoff.next_delay()
                countdown = Countdown(delay if remaining is None else min(delay, remaining))
                while self.end is None and not countdown.is_over:
                    sleep(countdown.remaining(limits.WAKE_INTERVAL) or 0.0)
        else:
            self._backoff = None
            self.current.close()
            self._adopt(channel)
            if self.end is not None:  # closed meanwhile
                channel.close()

    def forget(self) -> None:
        """Close the socket only."""
        self.current.forget()

    def close(self) -> None:
        """Close the connection and stop reconnecting."""
        if self.end is None:
            self.end = ConnectionClosed(CLOSED_BY_US)
        self.is_closing = True
        self.current.close()


AnyChannel: TypeAlias = Channel | ReconnectingChannel
"""A client's channel: a single connection, or a series of them."""
