"""A server that follows a script: it answers what the script says, and judges what it is asked.

Names are imported on first use: a test run that needs none of them doesn't load asyncio.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.script.agent_behaviour import Agent, Program
    from qmpeer.script.backend import ScriptBackend
    from qmpeer.script.calls import Call, Calls
    from qmpeer.script.checks import Checks
    from qmpeer.script.hotplug_behaviour import Hotplug
    from qmpeer.script.job_behaviour import Jobs
    from qmpeer.script.machine_behaviour import RunningMachine
    from qmpeer.script.migration_behaviour import Migration
    from qmpeer.script.mismatches import Mismatch
    from qmpeer.script.report import ScriptReport
    from qmpeer.script.rules import Messages, Rule
    from qmpeer.script.screen_behaviour import Screen
    from qmpeer.script.script import Script
    from qmpeer.script.server import ScriptedServer
    from qmpeer.script.toml_script import TomlScript, load_script
    from qmpeer.toml.place import Place

__all__ = [
    "Agent",
    "Call",
    "Calls",
    "Checks",
    "Hotplug",
    "Jobs",
    "Messages",
    "Migration",
    "Mismatch",
    "Place",
    "Program",
    "Rule",
    "RunningMachine",
    "Screen",
    "Script",
    "ScriptBackend",
    "ScriptReport",
    "ScriptedServer",
    "TomlScript",
    "load_script",
]

_HOMES = {
    "Agent": "qmpeer.script.agent_behaviour",
    "Hotplug": "qmpeer.script.hotplug_behaviour",
    "Jobs": "qmpeer.script.job_behaviour",
    "Migration": "qmpeer.script.migration_behaviour",
    "Program": "qmpeer.script.agent_behaviour",
    "RunningMachine": "qmpeer.script.machine_behaviour",
    "Screen": "qmpeer.script.screen_behaviour",
    "Call": "qmpeer.script.calls",
    "Calls": "qmpeer.script.calls",
    "Checks": "qmpeer.script.checks",
    "Messages": "qmpeer.script.rules",
    "Mismatch": "qmpeer.script.mismatches",
    "Place": "qmpeer.toml.place",
    "Rule": "qmpeer.script.rules",
    "Script": "qmpeer.script.script",
    "ScriptBackend": "qmpeer.script.backend",
    "ScriptReport": "qmpeer.script.report",
    "ScriptedServer": "qmpeer.script.server",
    "TomlScript": "qmpeer.script.toml_script",
    "load_script": "qmpeer.script.toml_script",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
