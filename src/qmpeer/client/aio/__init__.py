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
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent
    from qmpeer.client.aio.job_run import JobRun
    from qmpeer.client.aio.migration_run import MigrationRun
    from qmpeer.client.aio.name_queries import find_agent, names
    from qmpeer.client.aio.plug_run import AsyncPlugged, PlugRun
    from qmpeer.client.aio.reconnecting_channel import AsyncReconnectingChannel
    from qmpeer.client.aio.unplug_run import UnplugRun, path_of
    from qmpeer.client.hotplug import NO_MEMORY, cpu_parts, memory_parts, parts_of

__all__ = [
    "NO_MEMORY",
    "AsyncAgentContact",
    "AsyncGuestAgent",
    "AsyncPlugged",
    "AsyncReconnectingChannel",
    "CompletionRun",
    "JobRun",
    "MigrationRun",
    "PlugRun",
    "UnplugRun",
    "connect_by",
    "cpu_parts",
    "find_agent",
    "memory_parts",
    "names",
    "parts_of",
    "path_of",
]

_HOMES = {
    "AsyncAgentContact": "qmpeer.client.aio.agent_contact",
    "AsyncGuestAgent": "qmpeer.client.aio.guest_agent",
    "AsyncPlugged": "qmpeer.client.aio.plug_run",
    "AsyncReconnectingChannel": "qmpeer.client.aio.reconnecting_channel",
    "CompletionRun": "qmpeer.client.aio.completion_run",
    "connect_by": "qmpeer.client.aio.agent_contact",
    "find_agent": "qmpeer.client.aio.name_queries",
    "names": "qmpeer.client.aio.name_queries",
    "JobRun": "qmpeer.client.aio.job_run",
    "MigrationRun": "qmpeer.client.aio.migration_run",
    "NO_MEMORY": "qmpeer.client.hotplug",
    "cpu_parts": "qmpeer.client.hotplug",
    "memory_parts": "qmpeer.client.hotplug",
    "parts_of": "qmpeer.client.hotplug",
    "path_of": "qmpeer.client.aio.unplug_run",
    "PlugRun": "qmpeer.client.aio.plug_run",
    "UnplugRun": "qmpeer.client.aio.unplug_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
