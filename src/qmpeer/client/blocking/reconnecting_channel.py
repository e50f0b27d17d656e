"""A channel that outlives its connections, for the blocking client.

There is no thread here that could see to it: whoever needs the connection next, be it for a command
or for events, makes a new one, and others that need it wait for that.
"""

import threading
from collections.abc import Callable, Sequence
from time import sleep
from typing import TypeAlias

from qmpeer import limits
from qmpeer.client.blocking.channel import INTERRUPTED, Channel, OnLost
from qmpeer.client.blocking.roles import Role
from qmpeer.client.events import EventLog
from qmpeer.client.patience import Patience
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
"""Makes a channel that has negotiated, within so many seconds."""


class ReconnectingChannel(ConnectionSeries[Channel]):
    """A blocking client's connections, one after the other; `begin` makes the first.

    Attributes:
        is_closing: It was closed.
    """

    end: ConnectionClosed | None

    def __init__(
        self, address: AddressLike, open_channel: OpenChannel, seconds: float | None
    ) -> None:
        super().__init__(address, seconds)
        self._open = open_channel
        self._lock = threading.RLock()  # of who makes the next connection
        self.is_closing: bool = False
        self._maker: Role | None = None
        self._patience: Patience | None = None  # while there is no connection
        own(self)

    def begin(self, timeout: float | None) -> None:
        """Make the first connection, within so many seconds."""
        self._adopt(self._open(timeout, self.log, self._lost))

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: the connection is its parent's."""
        self._lock = threading.RLock()
        self._maker = None
        if self.end is None:
            self.end = ConnectionClosed(reason)

    def fileno(self) -> int:
        """Return the descriptor of the connection that there is."""
        return self.current.fileno()

    def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        timeout: float | None,
        is_oob: bool,
        fds: Sequence[int],
    ) -> JsonValue:
        """Execute one command, as `Client.execute` says; connect before if need be."""
        deadline = Deadline(timeout)
        while True:
            channel = self.current
            # A command sent to who has left long since would be one whose outcome is unknown.
            channel.take_in_what_has_arrived()
            if channel.end is not None:
                channel = self.connected(deadline)
                timeout = deadline.remaining()
            try:
                return channel.execute(command, arguments, timeout, is_oob, fds)
            except ConnectionClosed:  # it was before the command could be sent
                if channel.end is None or self.end is not None:
                    raise

    def wait(self, is_done: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until is_done() or the deadline; False at that. Raise when all ends."""
        while True:
            try:
                return self.current.wait(is_done, deadline)
            except ConnectionClosed:
                try:
                    self.connected(deadline)
                except TimeoutError:
                    return is_done()

    def take_in_what_has_arrived(self) -> None:
        """Receive until nothing more is there."""
        self.current.take_in_what_has_arrived()

    def connected(self, deadline: Deadline) -> Channel:
        """Return the connection that there is, or make a new one.

        Raises:
            TimeoutError: If there is none in time.
            ConnectionClosed: If there won't be one.
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
                    "the connection was lost, and another thread is at making a new one"
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
        """Try once to connect anew; after a failure, wait as long as is good before the next."""
        if self._patience is None:
            self._patience = Patience(self._seconds)
        patience = self._patience
        remaining = deadline.remaining()
        most = (
            limits.CONNECT_TIMEOUT if remaining is None else min(limits.CONNECT_TIMEOUT, remaining)
        )
        seconds = patience.countdown.remaining(max(0.0, most))
        try:
            channel = self._open(seconds, self.log, self._lost)
        except (OSError, QMPError) as error:
            remaining = deadline.remaining()
            if patience.countdown.is_over:
                self.end = patience.exhausted(error)
            elif remaining is not None and remaining <= 0:
                raise late_to_connect(error) from None
            else:
                delay = patience.next_delay()
                countdown = Countdown(delay if remaining is None else min(delay, remaining))
                while self.end is None and not countdown.is_over:
                    sleep(countdown.remaining(limits.WAKE_INTERVAL) or 0.0)
        else:
            self._patience = None
            self.current.close()
            self._adopt(channel)
            if self.end is not None:  # closed meanwhile
                channel.close()

    def forget(self) -> None:
        """Give the socket back to the system."""
        self.current.forget()

    def close(self) -> None:
        """Close the connection, and make no other."""
        if self.end is None:
            self.end = ConnectionClosed(CLOSED_BY_US)
        self.is_closing = True
        self.current.close()


AnyChannel: TypeAlias = Channel | ReconnectingChannel
"""What a client stands on: one connection, or one after the other."""
