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
    from qmpeer.client.blocking.ensure import Ensuring
    from qmpeer.client.blocking.further_monitor import FurtherMonitor
    from qmpeer.client.blocking.guest_agent import GuestAgent
    from qmpeer.client.blocking.job_run import JobRun
    from qmpeer.client.blocking.keyboard import Keyboard
    from qmpeer.client.blocking.migration_run import MigrationRun
    from qmpeer.client.blocking.name_queries import find_agent, names
    from qmpeer.client.blocking.plug_run import Plugged, PlugRun
    from qmpeer.client.blocking.pointer import Pointer, screen_options
    from qmpeer.client.blocking.reconnecting_channel import ReconnectingChannel
    from qmpeer.client.blocking.screen import take_picture, watch_screen
    from qmpeer.client.blocking.unplug_run import UnplugRun
    from qmpeer.client.completions import path_of
    from qmpeer.client.hotplug import NO_MEMORY, cpu_parts, memory_parts, parts_of
    from qmpeer.client.recorder import Recorder
    from qmpeer.client.screen_watch import ScreenWatch

__all__ = [
    "NO_MEMORY",
    "AgentContact",
    "CompletionRun",
    "Ensuring",
    "FurtherMonitor",
    "GuestAgent",
    "JobRun",
    "Keyboard",
    "MigrationRun",
    "PlugRun",
    "Plugged",
    "Pointer",
    "ReconnectingChannel",
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
    "AgentContact": "qmpeer.client.blocking.agent_contact",
    "GuestAgent": "qmpeer.client.blocking.guest_agent",
    "Keyboard": "qmpeer.client.blocking.keyboard",
    "Pointer": "qmpeer.client.blocking.pointer",
    "Plugged": "qmpeer.client.blocking.plug_run",
    "ReconnectingChannel": "qmpeer.client.blocking.reconnecting_channel",
    "CompletionRun": "qmpeer.client.blocking.completion_run",
    "Ensuring": "qmpeer.client.blocking.ensure",
    "connect_by": "qmpeer.client.blocking.agent_contact",
    "find_agent": "qmpeer.client.blocking.name_queries",
    "names": "qmpeer.client.blocking.name_queries",
    "FurtherMonitor": "qmpeer.client.blocking.further_monitor",
    "JobRun": "qmpeer.client.blocking.job_run",
    "MigrationRun": "qmpeer.client.blocking.migration_run",
    "Recorder": "qmpeer.client.recorder",
    "ScreenWatch": "qmpeer.client.screen_watch",
    "screen_options": "qmpeer.client.blocking.pointer",
    "take_picture": "qmpeer.client.blocking.screen",
    "watch_screen": "qmpeer.client.blocking.screen",
    "NO_MEMORY": "qmpeer.client.hotplug",
    "cpu_parts": "qmpeer.client.hotplug",
    "memory_parts": "qmpeer.client.hotplug",
    "parts_of": "qmpeer.client.hotplug",
    "path_of": "qmpeer.client.completions",
    "PlugRun": "qmpeer.client.blocking.plug_run",
    "UnplugRun": "qmpeer.client.blocking.unplug_run",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
