"""The human monitor's commands of the machine, put together: tables, handlers, completion.

The table says which commands there are, what they take and what help shows. A handler goes by the
first of a command's names; a text of `absent_hardware` stands for it where there is nothing to do.
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
from qmpeer.machine.object_options import object_types
from qmpeer.monitor.human import Completions

Handler = Callable[..., Any]
Completer = Callable[[Sequence[str]], Iterable[str] | Completions]

_SWITCH: Final = ("on", "off")
_DETAILS: Final = {"log": LOG_HELP}
"""What ``help NAME`` shows where that is more than a line."""


def register_human_commands(machine: Machine) -> None:
    """Register all commands of QEMU's human monitor on a machine's."""
    handlers: dict[str, Handler] = {
        **{name: _teller(text) for name, text in ANSWERS.items()},
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


def _teller(text: str) -> Handler:
    return lambda **arguments: text.format_map(arguments)


def _offered(*lists: Iterable[str]) -> Completer:
    """Return what offers, for each word behind a command's name, those of a list."""
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
        "object_add": _offered(object_types()),
        "object_del": lambda words: machine.objects.names if len(words) == 2 else (),
        "migrate_set_capability": _offered(CAPABILITIES, _SWITCH),
        "migrate_set_parameter": _offered(PARAMETERS),
    }
