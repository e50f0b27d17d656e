"""The logbook of a proxy: what has passed since its start, in numbers and for those who watch."""

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from qmpeer.proxy.request import Request
from qmpeer.proxy.server_connection import ServerTraffic
from qmpeer.proxy.session import ProxySession

if TYPE_CHECKING:
    from qmpeer.policy import Policy, Verdict


class Departure(Enum):
    """The reason for which a client is gone: one of `CutOff`, by the same value, or another."""

    LEFT = "left"
    UNREAD = "unread"
    MEMORY = "memory"
    DISCONNECTED = "disconnected"
    ENDED = "ended"


class Loss(NamedTuple):
    """The end of a connection to the server.

    Attributes:
        reason: Why it has ended.
        time: The loop's time then.
    """

    reason: str
    time: float


class Watcher(Protocol):
    """One who is told what happens. All calls come from the loop's thread."""

    def client_connected(self, session: ProxySession) -> None:
        """Note that a client has connected."""

    def client_gone(self, session: ProxySession, reason: Departure, seconds: float) -> None:
        """Note that a client is gone, and for how many seconds it was connected."""

    def command_denied(self, request: Request, verdict: "Verdict", is_dry_run: bool) -> None:
        """Note that a command isn't allowed; in a dry run it was executed all the same."""

    def policy_changed(self, policy: "Policy | None") -> None:
        """Note the policy that holds from now on."""

    def server_ready(self, connections: int) -> None:
        """Note that the server is there, for the first time or again."""

    def server_lost(self, reason: str) -> None:
        """Note that the connection to the server has ended."""


class Logbook:
    """The numbers of one proxy since its start, and its watchers.

    Attributes:
        traffic: What has passed between the proxy and its server.
        clients: The clients that have come.
        gone: How many of them are gone, by reason.
        denied_commands: Commands that the policy doesn't allow.
        dropped_commands: Commands that were never sent, because their client left.
        dropped_replies: The server's replies that nobody got, because their client had left.
        late_replies: The server's replies that nobody got, because the time was over.
        connections: How often there was a connection to the server.
        ready_at: The loop's time at which the last one was ready.
        last_loss: The end of the last one that has ended.
    """

    def __init__(self) -> None:
        self.traffic: ServerTraffic = ServerTraffic()
        self.clients: int = 0
        self.gone: dict[Departure, int] = dict.fromkeys(Departure, 0)
        self.denied_commands: int = 0
        self.dropped_commands: int = 0
        self.dropped_replies: int = 0
        self.late_replies: int = 0
        self.connections: int = 0
        self.ready_at: float = 0.0
        self.last_loss: Loss | None = None
        self._watchers: list[Watcher] = []
        self._is_ending = False

    def watch(self, watcher: Watcher) -> None:
        """Add a watcher, which hears of everything from now on."""
        self._watchers.append(watcher)

    def client_connected(self, session: ProxySession) -> None:
        """Note that a client has connected."""
        self.clients += 1
        for watcher in self._watchers:
            watcher.client_connected(session)

    def client_gone(self, session: ProxySession, dropped: int) -> None:
        """Note that a client is gone, and how many of its commands were dropped unsent."""
        self.dropped_commands += dropped
        reason = self._departure(session)
        self.gone[reason] += 1
        seconds = _now() - session.opened_at
        for watcher in self._watchers:
            watcher.client_gone(session, reason, seconds)

    def _departure(self, session: ProxySession) -> Departure:
        if session.is_disconnected:
            return Departure.DISCONNECTED
        if (cut_off := session.client.cut_off) is not None:
            return Departure(cut_off.value)
        return Departure.ENDED if self._is_ending else Departure.LEFT

    def reply_dropped(self, *, is_late: bool) -> None:
        """Note that nobody gets a reply: it is late, or its client has left."""
        if is_late:
            self.late_replies += 1
        else:
            self.dropped_replies += 1

    def denied(self, request: Request, verdict: "Verdict", *, is_dry_run: bool = False) -> None:
        """Note that a command isn't allowed."""
        self.denied_commands += 1
        for watcher in self._watchers:
            watcher.command_denied(request, verdict, is_dry_run)

    def policy_changed(self, policy: "Policy | None") -> None:
        """Note the policy that holds from now on."""
        for watcher in self._watchers:
            watcher.policy_changed(policy)

    def server_ready(self) -> None:
        """Note that there is a connection to the server."""
        self.connections += 1
        self.ready_at = _now()
        for watcher in self._watchers:
            watcher.server_ready(self.connections)

    def server_lost(self, reason: str) -> None:
        """Note that the connection to the server has ended; at the proxy's end that is no loss."""
        if self._is_ending:
            return
        self.last_loss = Loss(reason, _now())
        for watcher in self._watchers:
            watcher.server_lost(reason)

    def end(self) -> None:
        """Note that the proxy ends: the clients that are there go because of that."""
        self._is_ending = True


def _now() -> float:
    return asyncio.get_running_loop().time()
