"""The async client, written by hand; most of the blocking client is generated from it.

`scripts/blocking_client.py` documents the generation. Names that only some programs need are
imported on first use.
"""
# blocking: - The async client … from it.
# blocking: + The blocking client, most of it generated from its twin.
# blocking: - documents the generation.
# blocking: + documents the generation. No event loop is imported here.

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.aio.agent_contact import AsyncAgentContact, connect_by
    from qmpeer.client.aio.completion_run import CompletionRun
    from qmpeer.client.aio.ensure import Ensuring
    from qmpeer.client.aio.further_monitor import FurtherMonitor
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent
    from qmpeer.client.aio.job_run import JobRun
    from qmpeer.client.aio.migration_run import MigrationRun
    from qmpeer.client.aio.name_queries import find_agent, names
    from qmpeer.client.aio.reconnecting_channel import AsyncReconnectingChannel

__all__ = [
    "AsyncAgentContact",
    "AsyncGuestAgent",
    "AsyncReconnectingChannel",
    "CompletionRun",
    "Ensuring",
    "FurtherMonitor",
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
    "CompletionRun": "qmpeer.client.aio.completion_run",
    "Ensuring": "qmpeer.client.aio.ensure",
    "connect_by": "qmpeer.client.aio.agent_contact",
    "find_agent": "qmpeer.client.aio.name_queries",
    "names": "qmpeer.client.aio.name_queries",
    "FurtherMonitor": "qmpeer.client.aio.further_monitor",
    "JobRun": "qmpeer.client.aio.job_run",
    "MigrationRun": "qmpeer.client.aio.migration_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
