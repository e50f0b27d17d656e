"""The clients: `Client` for blocking code, `AsyncClient` for asyncio.

Names are imported on first use: a program that uses one client doesn't import the other's modules.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.agent_answers import AgentCommand, AgentInfo, Executed
    from qmpeer.client.aio.client import AsyncClient
    from qmpeer.client.aio.guest_agent import AsyncFrozen, AsyncGuestAgent
    from qmpeer.client.aio.keyboard import AsyncHeldKeys, AsyncKeyboard
    from qmpeer.client.aio.plug_run import AsyncPlugged
    from qmpeer.client.aio.pointer import AsyncPointer
    from qmpeer.client.aio.reply import Reply
    from qmpeer.client.aio.subscription import AsyncEvents
    from qmpeer.client.blocking.client import Client
    from qmpeer.client.blocking.guest_agent import Frozen, GuestAgent
    from qmpeer.client.blocking.keyboard import HeldKeys, Keyboard
    from qmpeer.client.blocking.plug_run import Plugged
    from qmpeer.client.blocking.pointer import Pointer
    from qmpeer.client.blocking.subscription import Events
    from qmpeer.client.hotplug import DeviceBackend
    from qmpeer.client.interruptions import Interruption
    from qmpeer.client.jobs import JobState
    from qmpeer.client.migration import MigrationState
    from qmpeer.client.server_names import kind_of
    from qmpeer.display.pictures import Picture

__all__ = [
    "AgentCommand",
    "AgentInfo",
    "AsyncClient",
    "AsyncEvents",
    "AsyncFrozen",
    "AsyncGuestAgent",
    "AsyncHeldKeys",
    "AsyncKeyboard",
    "AsyncPlugged",
    "AsyncPointer",
    "Client",
    "DeviceBackend",
    "Events",
    "Executed",
    "Frozen",
    "GuestAgent",
    "HeldKeys",
    "Interruption",
    "JobState",
    "Keyboard",
    "MigrationState",
    "Picture",
    "Plugged",
    "Pointer",
    "Reply",
    "kind_of",
]


_HOMES = {
    "AgentCommand": "qmpeer.client.agent_answers",
    "AgentInfo": "qmpeer.client.agent_answers",
    "AsyncClient": "qmpeer.client.aio.client",
    "AsyncEvents": "qmpeer.client.aio.subscription",
    "AsyncFrozen": "qmpeer.client.aio.guest_agent",
    "AsyncGuestAgent": "qmpeer.client.aio.guest_agent",
    "AsyncHeldKeys": "qmpeer.client.aio.keyboard",
    "AsyncKeyboard": "qmpeer.client.aio.keyboard",
    "AsyncPointer": "qmpeer.client.aio.pointer",
    "AsyncPlugged": "qmpeer.client.aio.plug_run",
    "Client": "qmpeer.client.blocking.client",
    "DeviceBackend": "qmpeer.client.hotplug",
    "Events": "qmpeer.client.blocking.subscription",
    "Executed": "qmpeer.client.agent_answers",
    "Frozen": "qmpeer.client.blocking.guest_agent",
    "GuestAgent": "qmpeer.client.blocking.guest_agent",
    "HeldKeys": "qmpeer.client.blocking.keyboard",
    "Interruption": "qmpeer.client.interruptions",
    "JobState": "qmpeer.client.jobs",
    "Keyboard": "qmpeer.client.blocking.keyboard",
    "MigrationState": "qmpeer.client.migration",
    "Picture": "qmpeer.display.pictures",
    "Pointer": "qmpeer.client.blocking.pointer",
    "Plugged": "qmpeer.client.blocking.plug_run",
    "Reply": "qmpeer.client.aio.reply",
    "kind_of": "qmpeer.client.server_names",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
