"""The effects of each command: a reviewed table, and the members by which they come about.

`effects_of` answers for QMP, the storage daemon and the guest agent. A command that isn't in the
table is unknown, and what is unknown is denied. `sensitive_members` finds the members that open
paths, connect or run something; `known_crash` knows inputs that kill a release.

`human_effects_of` answers for the human monitor's commands, and `parse_human_line` reads its lines.
All names are imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.effects.command_effects import CommandEffects, Effect
    from qmpeer.effects.commands import all_names, effects_of
    from qmpeer.effects.crashes import DEADLY_COMMANDS, known_crash
    from qmpeer.effects.human_line import HumanCommand, human_argument_names, parse_human_line
    from qmpeer.effects.human_table import (
        HumanRow,
        all_human_names,
        human_effects_of,
        human_row,
    )
    from qmpeer.effects.sensitive import sensitive_members

__all__ = [
    "DEADLY_COMMANDS",
    "CommandEffects",
    "Effect",
    "HumanCommand",
    "HumanRow",
    "all_human_names",
    "all_names",
    "effects_of",
    "human_argument_names",
    "human_effects_of",
    "human_row",
    "known_crash",
    "parse_human_line",
    "sensitive_members",
]

_HOMES = {
    "DEADLY_COMMANDS": "qmpeer.effects.crashes",
    "CommandEffects": "qmpeer.effects.command_effects",
    "Effect": "qmpeer.effects.command_effects",
    "HumanCommand": "qmpeer.effects.human_line",
    "HumanRow": "qmpeer.effects.human_table",
    "all_human_names": "qmpeer.effects.human_table",
    "all_names": "qmpeer.effects.commands",
    "effects_of": "qmpeer.effects.commands",
    "human_argument_names": "qmpeer.effects.human_line",
    "human_effects_of": "qmpeer.effects.human_table",
    "human_row": "qmpeer.effects.human_table",
    "known_crash": "qmpeer.effects.crashes",
    "parse_human_line": "qmpeer.effects.human_line",
    "sensitive_members": "qmpeer.effects.sensitive",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
