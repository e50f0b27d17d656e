"""The effects of each command: a reviewed table, and the members by which they come about.

`effects_of` answers for QMP, the storage daemon and the guest agent. A command that isn't in the
table is unknown, and what is unknown is denied. `sensitive_members` finds the members that open
paths, connect or run something; `known_crash` knows inputs that kill a release.
"""

from qmpeer.effects.command_effects import CommandEffects, Effect
from qmpeer.effects.commands import all_names, effects_of
from qmpeer.effects.crashes import known_crash
from qmpeer.effects.sensitive import sensitive_members

__all__ = [
    "CommandEffects",
    "Effect",
    "all_names",
    "effects_of",
    "known_crash",
    "sensitive_members",
]
