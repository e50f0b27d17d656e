"""The async client, written by hand; the blocking one is generated from much of it.

`scripts/blocking_client.py` says from what, and how. What not every program needs is handed out
lazily.
"""
# blocking: - The async client … from much of it.
# blocking: + The blocking client, generated from its twin but for what it does in its own way.
# blocking: - says from what, and how.
# blocking: + says how. No event loop is imported here.

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.aio.agent_contact import AsyncAgentContact, connect_by
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent
    from qmpeer.client.aio.job_run import JobRun
    from qmpeer.client.aio.migration_run import MigrationRun
    from qmpeer.client.aio.name_queries import find_agent, names
    from qmpeer.client.aio.reconnecting_channel import AsyncReconnectingChannel

__all__ = [
    "AsyncAgentContact",
    "AsyncGuestAgent",
    "AsyncReconnectingChannel",
    "JobRun",
    "MigrationRun",
    "connect_by",
    "find_agent",
    "names",
]

_HOMES = {
    "AsyncAgentContact": "qmpeer.client.aio.agent_contact",
    "AsyncGuestAgent": "qmpeer.client.aio.guest_agent",
    "AsyncReconnectingChannel": "qmpeer.client.aio.reconnecting_channel",
    "connect_by": "qmpeer.client.aio.agent_contact",
    "find_agent": "qmpeer.client.aio.name_queries",
    "names": "qmpeer.client.aio.name_queries",
    "JobRun": "qmpeer.client.aio.job_run",
    "MigrationRun": "qmpeer.client.aio.migration_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
