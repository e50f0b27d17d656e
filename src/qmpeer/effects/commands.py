"""Lookup of commands in the tables of effects.

A line of a table is read when its command is first asked for. It has the name, eight letters or
dots, the patterns of sensitive members, and after a colon what the command discloses.
"""

from functools import cache
from typing import Final

from qmpeer.effects.agent_table import AGENT_TABLE
from qmpeer.effects.command_effects import CommandEffects, Effect
from qmpeer.effects.groups import patterns_of
from qmpeer.effects.qmp_table import QMP_TABLE

_LETTERS: Final = {
    "r": Effect.READS,
    "d": Effect.DISCLOSES,
    "g": Effect.CHANGES_GUEST,
    "h": Effect.CHANGES_HOST,
    "p": Effect.OPENS_PATHS,
    "c": Effect.CONNECTS,
    "x": Effect.RUNS_PROGRAMS,
    "e": Effect.ENDS,
}
_COMMENT: Final = "#"


def effects_of(name: str) -> CommandEffects | None:
    """Return the effects of a command of QMP, the storage daemon or the guest agent.

    Transactions' actions that are no commands are here as well, such as abort.

    Returns:
        None if the command is unknown.

    Example:
        >>> effects = effects_of("memsave")
        >>> [str(each) for each in sorted(effects.effects)]
        ['discloses', 'opens-paths']
        >>> effects.discloses, effects.sensitive
        ('guest memory', ('filename',))
    """
    line = _lines().get(name)
    return None if line is None else _read(name, line)


def all_names() -> frozenset[str]:
    """Return the names of all commands that have effects in the table."""
    return frozenset(_lines())


@cache
def _lines() -> dict[str, str]:
    """Return the line of each command, without its name."""
    lines = {}
    for line in (QMP_TABLE + AGENT_TABLE).splitlines():
        if not line.startswith(_COMMENT):
            name, _, rest = line.partition(" ")
            lines[name] = rest
    return lines


@cache
def _read(name: str, line: str) -> CommandEffects:
    line, _, discloses = line.partition(" : ")
    letters, *patterns = line.split()
    return CommandEffects(
        name,
        frozenset(_LETTERS[each] for each in letters if each != "."),
        discloses,
        tuple(each for pattern in patterns for each in patterns_of(pattern)),
    )
