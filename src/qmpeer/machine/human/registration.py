"""The human monitor's commands of the machine, put together: tables, handlers, completion.

The table says which commands there are, what they take and what help shows. A handler goes by the
first of a command's names; a text of `absent_hardware` stands for it where there is nothing to do.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from qmpeer.machine.human.absent_hardware import ANSWERS
from qmpeer.machine.human.block_commands import block_commands
from qmpeer.machine.human.chardev_commands import (
    backend_names,
    chardev_commands,
    chardev_labels,
)
from qmpeer.machine.human.command_table import ROWS
from qmpeer.machine.human.guest_commands import guest_commands, key_names, watchdog_actions
from qmpeer.machine.human.log_commands import LOG_HELP, log_commands
from qmpeer.machine.human.memory_commands import memory_commands
from qmpeer.machine.human.migration_commands import (
    capability_names,
    migration_commands,
    parameter_names,
)
from qmpeer.machine.human.object_commands import (
    object_commands,
    object_names,
    object_type_names,
)
from qmpeer.machine.machine import Machine
from qmpeer.monitor.human import Completions

__all__ = ["register_human_commands"]

Handler = Callable[..., Any]
Completer = Callable[[Sequence[str]], Iterable[str] | Completions]

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


def _on_off(words: Sequence[str]) -> Iterable[str]:
    """Offer what may stand behind a name."""
    return ("on", "off") if len(words) == 3 else ()


def _completers(machine: Machine) -> dict[str, Completer]:
    labels = chardev_labels(machine.chardevs)
    rings = chardev_labels(machine.chardevs, "ringbuf")
    return {
        "chardev-add": backend_names,
        "chardev-remove": labels,
        "chardev-send-break": labels,
        "ringbuf_read": rings,
        "ringbuf_write": rings,
        "sendkey": key_names,
        "set_link": _on_off,
        "trace-event": _on_off,
        "watchdog_action": watchdog_actions,
        "object_add": object_type_names,
        "object_del": object_names(machine),
        "migrate_set_capability": capability_names,
        "migrate_set_parameter": parameter_names,
    }
