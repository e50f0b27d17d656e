"""A server of the Model Context Protocol: an assistant's door to a machine, always behind a policy.

The protocol's own work is done by the official SDK, the extra ``mcp``. `assistant_server` holds
the tools together. They reach the machine only through `guarded_machine`: a proxy in this process,
with a policy and a record, and a client of it. `serving` has the transports.

Names are imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.mcp.assistant_server import AssistantServer
    from qmpeer.mcp.guarded_machine import GuardedMachine, MachineAbsentError

__all__ = ["AssistantServer", "GuardedMachine", "MachineAbsentError"]

_HOMES = {
    "AssistantServer": "qmpeer.mcp.assistant_server",
    "GuardedMachine": "qmpeer.mcp.guarded_machine",
    "MachineAbsentError": "qmpeer.mcp.guarded_machine",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
