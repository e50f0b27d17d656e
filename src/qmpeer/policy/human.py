"""The human-monitor command that a human-monitor-command carries, as rules judge it."""

from typing import TYPE_CHECKING, Final

import msgspec

from qmpeer.errors import HumanLineError
from qmpeer.policy.rules import Rule
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.effects import HumanCommand

HUMAN_MONITOR_COMMAND: Final = "human-monitor-command"
_LINE: Final = "command-line"
_CPU: Final = "cpu-index"


def read_human_command(arguments: JsonObject) -> "HumanCommand":
    """Read the command in the arguments of human-monitor-command; cpu-index is one of its own.

    Raises:
        HumanLineError: If the line isn't read with certainty, or the arguments are wrong.

    Example:
        >>> read_human_command({"command-line": "x 0", "cpu-index": 1}).arguments
        {'count': 1, 'addr': 0, 'cpu-index': 1}
    """
    from qmpeer.effects import parse_human_line  # start: 15 ms

    line = arguments.get(_LINE)
    if not isinstance(line, str):
        raise HumanLineError(f"arguments.{_LINE}: expected a string")
    command = parse_human_line(line)
    for name, value in arguments.items():
        if name == _CPU and type(value) is int:
            with_cpu = {**command.arguments, _CPU: value}
            command = msgspec.structs.replace(command, arguments=with_cpu)
        elif name != _LINE:
            raise HumanLineError(f"arguments: found {name}, expected {_LINE} and an integer {_CPU}")
    return command


def asks_a_register(rule: Rule, command: "HumanCommand") -> bool:
    """Return True if a rule tests an argument whose value only the guest's registers decide."""
    return bool(command.unknown) and (
        rule.predicate is not None or any(test.path[0] in command.unknown for test in rule.tests)
    )
