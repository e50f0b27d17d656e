"""The proxy, with its listeners."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from qmpeer import limits
from qmpeer.client.reconnection import can_be_dialled_again
from qmpeer.monitor import CharacterDevice, Monitor
from qmpeer.proxy.door import Door
from qmpeer.proxy.event_terms import read_patterns
from qmpeer.proxy.hub import Hub
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.server_connection import ServerConnection
from qmpeer.proxy.server_link import LinkPhase, ServerLink
from qmpeer.transport import AddressLike, address_text
from qmpeer.transport.aio import Listener

if TYPE_CHECKING:
    import socket
    import ssl

    from qmpeer.audit import AuditLog
    from qmpeer.policy import Policy
    from qmpeer.proxy.control import ProxyControl


class Proxy:
    """A proxy between many clients and one server, for a running event loop.

    Each client has a greeting, ids, an order and events of its own, as if it were alone. Commands
    of different clients go to the server in turn.

    Args:
        server: The server's address, or a connected socket.
        window: The in-band commands of all clients that may be at the server at once, 1 to 7.
            [QEMU stops reading at eight; then no out-of-band command overtakes.]
        timeout: The time limit in seconds for connecting to the server and negotiating; None waits
            for ever.
        command_timeout: Seconds within which each command must be answered; then its client gets a
            GenericError, which says whether the command was sent. None waits for ever.
        persist: Stay, with the clients, when the connection to the server ends. By default the
            proxy ends then, too. Clients get the event __QMPEER_SERVER_LOST, and
            __QMPEER_SERVER_BACK once there is a server again.
        reconnect: Persist, and connect again by itself: True for as long as the proxy runs, or for
            how many seconds; then it ends.
        when_down: What happens while there is no server: "wait" lets commands wait for the next one
            (each until its own time limit), and new clients for their greeting; with "fail", each
            command is answered with a GenericError, and new clients are greeted as by the last
            server.
        wait_for_socket: While nobody listens at the server's address, try again until the time is
            over.
        tls: For a server at tls: or wss: a context, which replaces the address's TLS options.
        policy: What clients may do; None for everything. See `qmpeer.policy`.
        audit: The log of what they do, which the proxy writes and its caller closes. See
            `qmpeer.audit`.
        on_change: Called with True when there is a connection to the server, and with False when it
            has ended and the proxy stays.

    Raises:
        ValueError: If the window is out of range, when_down is unknown, or if the proxy is to
            stay though its server is a connected socket or a descriptor.

    Example:
        >>> import asyncio
        >>> from qmpeer import AsyncClient, Monitor
        >>> async def main() -> list[int]:
        ...     machine = Monitor(name="vm", version=(1, 0, 0))
        ...     server = await machine.listen("tcp:127.0.0.1:0")
        ...     async with Proxy(server.address) as proxy:
        ...         place = (await proxy.listen("tcp:127.0.0.1:0")).address
        ...         one, two = [await AsyncClient.connect(place) for _ in range(2)]
        ...         majors = [each.greeting.version.qemu.major for each in (one, two)]
        ...     machine.shutdown()
        ...     await machine.wait_closed()
        ...     return majors
        >>> asyncio.run(main())
        [1, 1]
    """

    def __init__(
        self,
        server: AddressLike,
        *,
        window: int = limits.PROXY_WINDOW,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        persist: bool = False,
        reconnect: bool | float = False,
        when_down: Literal["wait", "fail"] = "wait",
        wait_for_socket: bool = False,
        tls: "ssl.SSLContext | None" = None,
        policy: "Policy | None" = None,
        audit: "AuditLog | None" = None,
        on_change: Callable[[bool], None] = lambda is_connected: None,
    ) -> None:
        if not 1 <= window < limits.IN_BAND_QUEUE:
            raise ValueError(f"found window={window}, expected 1 to {limits.IN_BAND_QUEUE - 1}")
        if when_down not in ("wait", "fail"):
            raise ValueError(f'found when_down={when_down!r}, expected "wait" or "fail"')
        persists = persist or reconnect is not False
        if persists and not can_be_dialled_again(server):
            raise ValueError(
                "found a socket or descriptor, expected an address to connect to again"
            )
        self._address = server
        self._waits_for_socket = wait_for_socket
        self._tls = tls
        waits = persists and when_down == "wait"
        self._hub = Hub(window, command_timeout, waits, self._server_lost, policy, audit)
        self._link = ServerLink(
            self._hub,
            self._dial,
            timeout=timeout,
            persists=persists,
            reconnect=reconnect,
            on_end=self.close,
            on_change=on_change,
        )
        self._monitors: dict[ListenerRules, Monitor] = {}
        self._is_closed = False
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Proxy of {address_text(self._address)}, {len(self._hub.sessions)} clients>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        await self.wait_closed()

    @property
    def clients(self) -> int:
        """The number of clients that are connected now."""
        return len(self._hub.sessions)

    async def start(self) -> None:
        """Connect to the server and negotiate. Clients that come before wait for their greeting.

        Raises:
            OSError: If the connection fails.
            TimeoutError: If the server isn't ready in time, such as one that serves another client.
            QMPError: If it doesn't speak QMP.
        """
        await self._link.connect()

    async def reconnect(self) -> None:
        """Connect to the server again, once it has gone. Do nothing while it is there.

        One attempt is made, within the time limit for connecting. Of a proxy that also connects by
        itself, it is one more.

        Raises:
            OSError: If the connection fails.
            TimeoutError: If the server isn't ready in time.
            QMPError: If it doesn't speak QMP; ConnectionClosed if the proxy was closed.
        """
        await self._link.connect()

    async def _dial(self, timeout: float | None) -> ServerConnection:
        return await ServerConnection.open(
            self._hub,
            self._address,
            timeout=timeout,
            wait_for_socket=self._waits_for_socket,
            tls=self._tls,
        )

    @property
    def policy(self) -> "Policy | None":
        """What clients may do; None for everything."""
        return self._hub.policy

    def set_policy(self, policy: "Policy | None") -> None:
        """Take another policy, for the clients that are there, too; None allows everything.

        What was sent stays sent. A command that waits for its turn is judged again then.
        """
        self._hub.set_policy(policy)

    @property
    def is_connected(self) -> bool:
        """True while there is a connection to the server."""
        return self._link.phase is LinkPhase.READY

    @property
    def connections(self) -> int:
        """How often there was a connection to the server."""
        return self._hub.logbook.connections

    @property
    def end_reason(self) -> str | None:
        """Why the proxy has ended with its server; None while it hasn't, or if it was closed."""
        return self._link.end_reason

    @property
    def is_orderly_end(self) -> bool:
        """True if the proxy has ended with a server that had said that it ends.

        It says so by the event SHUTDOWN or by its answer to quit.
        """
        return self._link.is_orderly_end

    async def listen(
        self,
        address: AddressLike,
        *,
        name: str | None = None,
        many: bool = True,
        pretty: bool = False,
        insecure: bool = False,
        events: Sequence[str] | None = None,
        extensions: bool = False,
    ) -> Listener:
        """Listen for clients.

        Args:
            address: The address, or a listening socket.
            name: The listener's name in logs; by default its address.
            many: Serve many clients at once. Otherwise the next one waits until the previous one
                has left, as with QEMU.
            pretty: Write JSON over many lines.
            insecure: Allow addresses that other machines or guests can reach.
            events: The names of the events that its clients get, such as ["STOP", "JOB_*"]: in
                them * stands for any text. None for all.
            extensions: Let its clients use the proxy's own commands, whose names begin with
                __qmpeer_. Other clients get the server's answer to them.

        Raises:
            OSError: If the address is in use or can't be bound.
            PermissionError: If other machines or guests could connect, and insecure isn't set.
            ValueError: If the address or a name of an event is invalid.
        """
        rules = _rules(address_text(address) if name is None else name, events, extensions)
        monitor = self._monitor(rules)
        return await monitor.listen(address, many=many, pretty=pretty, insecure=insecure)

    def attach(
        self,
        source: "socket.socket | CharacterDevice",
        *,
        name: str,
        pretty: bool = False,
        events: Sequence[str] | None = None,
        extensions: bool = False,
    ) -> None:
        """Serve the client of a connected socket, or the clients of a character device.

        Args:
            source: The socket, which the proxy then owns, or the device.
            name: The listener's name in logs.
            pretty: Write JSON over many lines.
            events: The events that its clients get; see `listen`.
            extensions: Let its clients use the proxy's own commands; see `listen`.

        Raises:
            ChardevError: If the device has a front end already.
            ValueError: If a name of an event is invalid.
        """
        self._monitor(_rules(name, events, extensions)).attach(source, pretty=pretty)

    def open_devices(self) -> None:
        """Greet on devices that have no client who connects, such as a pty."""
        for monitor in self._monitors.values():
            monitor.open_devices()

    def control(
        self,
        end: Callable[[], None] | None = None,
        reload: "Callable[[], Policy] | None" = None,
    ) -> "ProxyControl":
        """Return a control socket for the proxy, not open yet: it shows and disconnects clients.

        It outlives the proxy: close it behind it.

        Args:
            end: Called by the command ``quit``; by default `close`.
            reload: Called by the command ``reload-policy``; it returns the policy, or raises an
                OSError or QMPError. None if the policy came from no file.
        """
        from qmpeer.proxy.control import ProxyControl  # start: 20 ms

        return ProxyControl(
            self._hub, self._link, address_text(self._address), end or self.close, reload
        )

    def _monitor(self, rules: ListenerRules) -> Monitor:
        """Return the monitor of all listeners with these rules."""
        monitor = self._monitors.get(rules)
        if monitor is None:
            # Staying awake for the next command would cost more here than it gains: the server
            # executes it, in a process of its own.
            monitor = self._monitors[rules] = Monitor(backend=Door(self._hub, rules), linger=0)
        return monitor

    # The end

    def _server_lost(self, reason: str) -> None:
        self._link.lost(reason)

    def close(self) -> None:
        """Take no further clients, and leave the server.

        Clients get an answer to each of their commands that was received, and are disconnected
        then. What they don't read within limits.CLOSE_TIMEOUT seconds is dropped.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._link.close()
        for monitor in self._monitors.values():
            for listener in monitor.listeners:
                listener.close()
        self._hub.end(self._link.end_reason or "the proxy was closed", self._shut_down)

    def _shut_down(self) -> None:
        for monitor in self._monitors.values():
            monitor.shutdown()
        self._ended.set()

    async def wait_closed(self) -> None:
        """Wait until the proxy is closed, by `close` or by the end of its server."""
        await self._ended.wait()
        await self._link.wait_closed()
        for monitor in self._monitors.values():
            await monitor.wait_closed()


def _rules(name: str, events: Sequence[str] | None, extensions: bool) -> ListenerRules:
    if isinstance(events, str):
        raise ValueError(f"found {events!r}, expected a list of names of events")
    patterns = None if events is None else read_patterns(events)
    return ListenerRules(name=name, events=patterns, has_extensions=extensions)
