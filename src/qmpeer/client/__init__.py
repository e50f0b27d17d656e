"""The clients: `Client` for blocking code, `AsyncClient` for asyncio.

Their names are handed out lazily, so that the one doesn't import what the other needs.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.agent_courses import AgentCommand, AgentInfo, Executed
    from qmpeer.client.aio import AsyncClient
    from qmpeer.client.aio_guest_agent import AsyncFrozen, AsyncGuestAgent
    from qmpeer.client.aio_subscription import AsyncEvents
    from qmpeer.client.blocking import Client
    from qmpeer.client.guest_agent import Frozen, GuestAgent
    from qmpeer.client.jobs import JobState
    from qmpeer.client.migration import MigrationState
    from qmpeer.client.names import kind_of
    from qmpeer.client.reconnection import Interruption
    from qmpeer.client.reply import Reply
    from qmpeer.client.subscription import Events

__all__ = [
    "AgentCommand",
    "AgentInfo",
    "AsyncClient",
    "AsyncEvents",
    "AsyncFrozen",
    "AsyncGuestAgent",
    "Client",
    "Events",
    "Executed",
    "Frozen",
    "GuestAgent",
    "Interruption",
    "JobState",
    "MigrationState",
    "Reply",
    "kind_of",
]


_HOMES = {
    "AgentCommand": "qmpeer.client.agent_courses",
    "AgentInfo": "qmpeer.client.agent_courses",
    "AsyncClient": "qmpeer.client.aio",
    "AsyncEvents": "qmpeer.client.aio_subscription",
    "AsyncFrozen": "qmpeer.client.aio_guest_agent",
    "AsyncGuestAgent": "qmpeer.client.aio_guest_agent",
    "Client": "qmpeer.client.blocking",
    "Events": "qmpeer.client.subscription",
    "Executed": "qmpeer.client.agent_courses",
    "Frozen": "qmpeer.client.guest_agent",
    "GuestAgent": "qmpeer.client.guest_agent",
    "Interruption": "qmpeer.client.reconnection",
    "JobState": "qmpeer.client.jobs",
    "MigrationState": "qmpeer.client.migration",
    "Reply": "qmpeer.client.reply",
    "kind_of": "qmpeer.client.names",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
