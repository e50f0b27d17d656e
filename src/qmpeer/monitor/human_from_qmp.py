"""Human commands made of QMP commands: the line gives the arguments, the value is written out."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from qmpeer.messages import Command
from qmpeer.monitor.backend import Context
from qmpeer.monitor.commands import Commands
from qmpeer.monitor.handlers.type_hints import wire_name
from qmpeer.monitor.human.arguments import Argument, parse_letters
from qmpeer.monitor.human.commands import HumanCommands, first_line
from qmpeer.monitor.human.signatures import read_signature
from qmpeer.monitor.human.table import Completions
from qmpeer.values import JsonObject

__all__ = ["derive"]


def derive(
    human: HumanCommands,
    commands: Commands,
    command: str,
    name: str,
    *,
    args: str | None,
    params: str | None,
    help: str | None,
    show: Callable[[Any], str] | None,
    complete: Callable[..., Iterable[str] | Completions] | None,
) -> None:
    """Make a human command of a QMP command; see `Monitor.human_from_qmp`."""
    handler = commands.function(command)
    arguments: tuple[Argument, ...]
    if args is not None:
        arguments = parse_letters(args)
    elif handler is None:
        raise ValueError(f"no handler says which arguments {command} has: give args=")
    else:
        found = read_signature(handler).arguments
        arguments = tuple(argument._replace(name=wire_name(argument.name)) for argument in found)
    if help is None:
        help = "" if handler is None else first_line(handler)
    human.derive(
        partial(_execute, commands, command),
        name,
        arguments,
        params=params,
        help=help,
        show=show,
        complete=complete,
    )


def _execute(commands: Commands, name: str, arguments: JsonObject, context: Context) -> Any:
    return commands.execute(Command(name, arguments or None), context)
