"""The control socket of a proxy: QMP, whose commands show its clients and its server."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qmpeer import __version__, limits
from qmpeer.errors import CommandError, QMPError
from qmpeer.monitor import Monitor
from qmpeer.proxy import reports
from qmpeer.proxy.hub import Hub
from qmpeer.proxy.interface import load
from qmpeer.proxy.logbook import Departure
from qmpeer.proxy.request import Request
from qmpeer.proxy.server_link import ServerLink
from qmpeer.proxy.session import ProxySession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import Listener
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.policy import Policy, Verdict

_VERSION: Final = (0, 1, 0)


class ProxyControl:
    """A monitor that shows and controls a proxy; `Proxy.control` makes it.

    Its schema, which query-qmp-schema returns, declares the commands and events.

    Args:
        hub: The proxy's clients, and its server.
        link: The connections to the server.
        server: The server's address.
        end: Ends the proxy.
        reload: Reads the policy again; None if it came from no file.
    """

    def __init__(
        self,
        hub: Hub,
        link: ServerLink,
        server: str,
        end: Callable[[], None],
        reload: "Callable[[], Policy] | None" = None,
    ) -> None:
        self._hub = hub
        self._reload = reload
        self._link = link
        self._server = server
        self._monitor = Monitor(
            name="qmpeer-proxy", version=_VERSION, package=__version__, schema=load(), linger=0
        )
        command = self._monitor.command
        command("query-server")(self._query_server)
        command("query-clients")(self._query_clients)
        command("query-drops")(self._query_drops)
        command("disconnect-client")(self._disconnect_client)
        command("reconnect")(self._reconnect)
        command("query-policy")(self._query_policy)
        command("reload-policy")(self._reload_policy)
        command("quit")(end)
        hub.logbook.watch(_Announcer(self._monitor))

    async def listen(self, address: AddressLike, *, insecure: bool = False) -> Listener:
        """Listen for clients of the control socket.

        Args:
            address: The address. A unix path gets mode 0600.
            insecure: Allow a TCP port that is open to the network.

        Raises:
            OSError: If the address can't be bound.
            ValueError: If it isn't an address.
        """
        return await self._monitor.listen(address, many=True, insecure=insecure)

    async def close(self) -> None:
        """Finish the replies, and close."""
        self._monitor.shutdown()
        await self._monitor.wait_closed()

    # Commands

    def _query_server(self) -> JsonObject:
        return reports.server_report(self._hub, self._link, self._server, _now())

    async def _query_clients(self) -> JsonValue:
        found: list[JsonValue] = []
        for session in tuple(self._hub.sessions):
            if not session.has_left:
                found.append(reports.client_report(session, _now()))
                if not len(found) % limits.PROXY_REPORTS:
                    await asyncio.sleep(0)  # thousands take long, and the clients mustn't wait
        return found

    def _query_drops(self) -> JsonObject:
        return reports.drops_report(self._hub.logbook)

    def _disconnect_client(self, number: int) -> None:
        for session in self._hub.sessions:
            if session.number == number:
                session.disconnect()
                return
        raise CommandError("GenericError", f"Client {number} not found")

    async def _reconnect(self) -> None:
        try:
            await self._link.connect()
        except (OSError, QMPError) as error:
            raise CommandError("GenericError", reports.failure_text(error)) from error

    def _query_policy(self) -> JsonObject:
        report = reports.policy_report(self._hub)
        if report is None:
            raise CommandError("GenericError", "The proxy has no policy")
        return report

    async def _reload_policy(self) -> JsonObject:
        if self._reload is None:
            raise CommandError("GenericError", "The proxy's policy was read from no file")
        try:
            policy = await asyncio.to_thread(self._reload)
        except (OSError, QMPError) as error:
            raise CommandError("GenericError", reports.failure_text(error)) from error
        self._hub.set_policy(policy)
        return self._query_policy()


class _Announcer:
    """The watcher that tells the clients of a control socket what happens, by events."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def client_connected(self, session: ProxySession) -> None:
        """Send CLIENT_CONNECTED."""
        self._monitor.emit("CLIENT_CONNECTED", reports.peer_report(session))

    def client_gone(self, session: ProxySession, reason: Departure, seconds: float) -> None:
        """Send CLIENT_GONE."""
        self._monitor.emit("CLIENT_GONE", reports.gone_report(session, reason, seconds))

    def command_denied(self, request: Request, verdict: "Verdict", is_dry_run: bool) -> None:
        """Send COMMAND_DENIED."""
        self._monitor.emit("COMMAND_DENIED", reports.denial_report(request, verdict, is_dry_run))

    def policy_changed(self, policy: "Policy | None") -> None:
        """Send POLICY_CHANGED."""
        if policy is not None:
            data: JsonObject = {"digest": policy.digest, "rules": len(policy.rules)}
            self._monitor.emit("POLICY_CHANGED", data)

    def server_ready(self, connections: int) -> None:
        """Send SERVER_READY."""
        self._monitor.emit("SERVER_READY", {"connections": connections})

    def server_lost(self, reason: str) -> None:
        """Send SERVER_LOST."""
        self._monitor.emit("SERVER_LOST", {"reason": reason})


def _now() -> float:
    return asyncio.get_running_loop().time()
