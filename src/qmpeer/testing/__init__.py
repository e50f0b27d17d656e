"""Servers for tests: scripted, recorded, built in, real; and the pytest plugin that starts them.

Names are imported on first use: pytest loads the plugin in every run of its environment.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.errors import ScriptError, ScriptMismatch
    from qmpeer.faults import Faults
    from qmpeer.script import Call, Calls, Messages, Rule, ScriptedServer
    from qmpeer.testing.contexts import machine, pair, qemu, replay, scripted_server
    from qmpeer.testing.joined_pair import Pair
    from qmpeer.testing.machine_server import MachineServer
    from qmpeer.testing.qemu_server import QemuServer
    from qmpeer.testing.replay_server import ReplayServer

__all__ = [
    "Call",
    "Calls",
    "Faults",
    "MachineServer",
    "Messages",
    "Pair",
    "QemuServer",
    "ReplayServer",
    "Rule",
    "ScriptError",
    "ScriptMismatch",
    "ScriptedServer",
    "machine",
    "pair",
    "qemu",
    "replay",
    "scripted_server",
]

_HOMES = {
    **dict.fromkeys(("Call", "Calls", "Messages", "Rule", "ScriptedServer"), "qmpeer.script"),
    **dict.fromkeys(("ScriptError", "ScriptMismatch"), "qmpeer.errors"),
    **dict.fromkeys(
        ("machine", "pair", "qemu", "replay", "scripted_server"), "qmpeer.testing.contexts"
    ),
    "Faults": "qmpeer.faults",
    "MachineServer": "qmpeer.testing.machine_server",
    "Pair": "qmpeer.testing.joined_pair",
    "QemuServer": "qmpeer.testing.qemu_server",
    "ReplayServer": "qmpeer.testing.replay_server",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
