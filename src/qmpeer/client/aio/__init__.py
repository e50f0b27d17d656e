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
    from qmpeer.client.aio.keyboard import AsyncKeyboard
    from qmpeer.client.aio.migration_run import MigrationRun
    from qmpeer.client.aio.name_queries import find_agent, names
    from qmpeer.client.aio.plug_run import AsyncPlugged, PlugRun
    from qmpeer.client.aio.pointer import AsyncPointer, screen_options
    from qmpeer.client.aio.reconnecting_channel import AsyncReconnectingChannel
    from qmpeer.client.aio.screen import take_picture, watch_screen
    from qmpeer.client.aio.unplug_run import UnplugRun
    from qmpeer.client.completions import path_of
    from qmpeer.client.hotplug import NO_MEMORY, cpu_parts, memory_parts, parts_of
    from qmpeer.client.recorder import Recorder
    from qmpeer.client.screen_watch import ScreenWatch

__all__ = [
    "NO_MEMORY",
    "AsyncAgentContact",
    "AsyncGuestAgent",
    "AsyncKeyboard",
    "AsyncPlugged",
    "AsyncPointer",
    "AsyncReconnectingChannel",
    "CompletionRun",
    "Ensuring",
    "FurtherMonitor",
    "JobRun",
    "MigrationRun",
    "PlugRun",
    "Recorder",
    "ScreenWatch",
    "UnplugRun",
    "connect_by",
    "cpu_parts",
    "find_agent",
    "memory_parts",
    "names",
    "parts_of",
    "path_of",
    "screen_options",
    "take_picture",
    "watch_screen",
]

_HOMES = {
    "AsyncAgentContact": "qmpeer.client.aio.agent_contact",
    "AsyncGuestAgent": "qmpeer.client.aio.guest_agent",
    "AsyncKeyboard": "qmpeer.client.aio.keyboard",
    "AsyncPointer": "qmpeer.client.aio.pointer",
    "AsyncPlugged": "qmpeer.client.aio.plug_run",
    "AsyncReconnectingChannel": "qmpeer.client.aio.reconnecting_channel",
    "CompletionRun": "qmpeer.client.aio.completion_run",
    "Ensuring": "qmpeer.client.aio.ensure",
    "connect_by": "qmpeer.client.aio.agent_contact",
    "find_agent": "qmpeer.client.aio.name_queries",
    "names": "qmpeer.client.aio.name_queries",
    "FurtherMonitor": "qmpeer.client.aio.further_monitor",
    "JobRun": "qmpeer.client.aio.job_run",
    "MigrationRun": "qmpeer.client.aio.migration_run",
    "Recorder": "qmpeer.client.recorder",
    "ScreenWatch": "qmpeer.client.screen_watch",
    "screen_options": "qmpeer.client.aio.pointer",
    "take_picture": "qmpeer.client.aio.screen",
    "watch_screen": "qmpeer.client.aio.screen",
    "NO_MEMORY": "qmpeer.client.hotplug",
    "cpu_parts": "qmpeer.client.hotplug",
    "memory_parts": "qmpeer.client.hotplug",
    "parts_of": "qmpeer.client.hotplug",
    "path_of": "qmpeer.client.completions",
    "PlugRun": "qmpeer.client.aio.plug_run",
    "UnplugRun": "qmpeer.client.aio.unplug_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
