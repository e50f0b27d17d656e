# Generated from aio/__init__.py by scripts/blocking_client.py: `make fix` writes it anew.
"""The blocking client, most of it generated from its twin.

`scripts/blocking_client.py` documents the generation. No event loop is imported here. Names that
only some programs need are imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.blocking.agent_contact import AgentContact, connect_by
    from qmpeer.client.blocking.completion_run import CompletionRun
    from qmpeer.client.blocking.guest_agent import GuestAgent
    from qmpeer.client.blocking.job_run import JobRun
    from qmpeer.client.blocking.migration_run import MigrationRun
    from qmpeer.client.blocking.name_queries import find_agent, names
    from qmpeer.client.blocking.plug_run import Plugged, PlugRun
    from qmpeer.client.blocking.reconnecting_channel import ReconnectingChannel
    from qmpeer.client.blocking.unplug_run import UnplugRun, path_of
    from qmpeer.client.hotplug import NO_MEMORY, cpu_parts, memory_parts, parts_of

__all__ = [
    "NO_MEMORY",
    "AgentContact",
    "CompletionRun",
    "GuestAgent",
    "JobRun",
    "MigrationRun",
    "PlugRun",
    "Plugged",
    "ReconnectingChannel",
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
    "AgentContact": "qmpeer.client.blocking.agent_contact",
    "GuestAgent": "qmpeer.client.blocking.guest_agent",
    "Plugged": "qmpeer.client.blocking.plug_run",
    "ReconnectingChannel": "qmpeer.client.blocking.reconnecting_channel",
    "CompletionRun": "qmpeer.client.blocking.completion_run",
    "connect_by": "qmpeer.client.blocking.agent_contact",
    "find_agent": "qmpeer.client.blocking.name_queries",
    "names": "qmpeer.client.blocking.name_queries",
    "JobRun": "qmpeer.client.blocking.job_run",
    "MigrationRun": "qmpeer.client.blocking.migration_run",
    "NO_MEMORY": "qmpeer.client.hotplug",
    "cpu_parts": "qmpeer.client.hotplug",
    "memory_parts": "qmpeer.client.hotplug",
    "parts_of": "qmpeer.client.hotplug",
    "path_of": "qmpeer.client.blocking.unplug_run",
    "PlugRun": "qmpeer.client.blocking.plug_run",
    "UnplugRun": "qmpeer.client.blocking.unplug_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
