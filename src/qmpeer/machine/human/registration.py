"""The registration of all human commands: each row of the table with its handler and completer.

Handlers are found by the first of a command's names. A command about hardware that the machine
lacks has a fixed answer of `absent_hardware` instead.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from qmpeer.chardev import BACKENDS
from qmpeer.machine.human.absent_hardware import ANSWERS
from qmpeer.machine.human.block_commands import block_commands
from qmpeer.machine.human.chardev_commands import chardev_commands, chardev_labels
from qmpeer.machine.human.command_table import ROWS
from qmpeer.machine.human.guest_commands import WATCHDOG_ACTIONS, guest_commands, key_names
from qmpeer.machine.human.log_commands import LOG_HELP, log_commands
from qmpeer.machine.human.memory_commands import memory_commands
from qmpeer.machine.human.migration_commands import CAPABILITIES, PARAMETERS, migration_commands
from qmpeer.machine.human.object_commands import object_commands
from qmpeer.machine.machine import Machine
from qmpeer.monitor.human import Completions
from qmpeer.options.object_options import object_types

Handler = Callable[..., Any]
Completer = Callable[[Sequence[str]], Iterable[str] | Completions]

_SWITCH: Final = ("on", "off")
_DETAILS: Final = {"log": LOG_HELP}
"""The text of ``help NAME`` for commands whose help is longer than a line."""


def register_human_commands(machine: Machine) -> None:
    """Register all commands of QEMU's human monitor on a machine's monitor."""
    handlers: dict[str, Handler] = {
        **{name: _fixed_answer(text) for name, text in ANSWERS.items()},
        **guest_commands(machine),
        **chardev_commands(machine),
        **block_commands(machine),
        **memory_commands(machine),
        **migration_commands(machine),
        **object_commands(machine),
        **log_commands(machine),
    }
    completers = _completers(machine)
    for row in ROWS:
        machine.monitor.human_command(
            row.names,
            args=row.args,
            params=row.params,
            help=row.help,
            complete=completers.get(row.name),
            details=_DETAILS.get(row.name),
        )(handlers[row.name])


def _fixed_answer(text: str) -> Handler:
    return lambda **arguments: text.format_map(arguments)


def _offered(*lists: Iterable[str]) -> Completer:
    """Return a completer that offers the n-th list for the n-th word after a command's name."""
    return lambda words: dict(enumerate(lists, 2)).get(len(words), ())


def _completers(machine: Machine) -> dict[str, Completer]:
    labels = chardev_labels(machine.chardevs)
    rings = chardev_labels(machine.chardevs, "ringbuf")
    return {
        "chardev-add": _offered(BACKENDS),
        "chardev-remove": labels,
        "chardev-send-break": labels,
        "ringbuf_read": rings,
        "ringbuf_write": rings,
        "sendkey": key_names,
        "set_link": _offered((), _SWITCH),
        "trace-event": _offered((), _SWITCH),
        "watchdog_action": _offered(WATCHDOG_ACTIONS),
        "object_add": _offered(object_types(machine.interface)),
        "object_del": lambda words: machine.objects.names if len(words) == 2 else (),
        "migrate_set_capability": _offered(CAPABILITIES, _SWITCH),
        "migrate_set_parameter": _offered(PARAMETERS),
    }
