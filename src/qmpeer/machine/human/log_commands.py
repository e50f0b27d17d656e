"""The human commands about logs, traces and profiles. There is no CPU, so nothing is logged."""

import os
from collections.abc import Callable
from typing import Any, Final

from qmpeer.machine.machine import Machine

_ITEMS: Final = {
    "out_asm": "host code that is made",
    "in_asm": "guest code that is translated",
    "op": "operations of the translator",
    "op_opt": "the same, optimised",
    "op_ind": "the same, before indirect values are lowered",
    "int": "interrupts and exceptions",
    "exec": "each block that is executed; very much",
    "cpu": "registers before each block; very much",
    "fpu": "with cpu: floating-point registers too",
    "mmu": "how memory is mapped",
    "pcall": "x86: far calls and returns between rings",
    "cpu_reset": "registers before a CPU is reset",
    "unimp": "what isn't implemented",
    "guest_errors": "what the guest does wrong, such as a register that isn't there",
    "page": "pages, when a user-mode program starts",
    "nochain": "blocks aren't chained, so that exec and cpu show all",
    "plugin": "what plugins say",
    "strace": "system calls of a user-mode program",
    "tid": "a file for each thread; its name has %d",
}
_TRACE: Final = "trace:"
LOG_HELP: Final = (
    "Items of the log, with commas between:\n"
    + "".join(f"{name:<15} {text}\n" for name, text in {"none": "nothing", **_ITEMS}.items())
    + "trace:PATTERN   trace events\n"
)
"""The text of ``help log``: the items of the log."""


def log_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    state = _LogSettings(machine)
    return {
        "log": state.set_items,
        "logfile": state.set_file,
        "sync-profile": state.set_profile,
        "trace-event": _trace_event,
        "info trace-events": _info_trace_events,
    }


class _LogSettings:
    """The settings of the log. Its file is created, and stays empty."""

    def __init__(self, machine: Machine) -> None:
        self._open_path = machine.descriptors.open_path
        self._path: str | None = None
        self._has_profile = False

    def set_items(self, items: str) -> str:
        """Choose the items to log."""
        chosen = set() if items == "none" else set(items.split(","))
        if "all" in chosen:
            chosen = {*_ITEMS}
        warnings = ""
        for item in items.split(","):
            if item.startswith(_TRACE) and item != _TRACE:
                warnings += _warning(item.removeprefix(_TRACE))
            elif item not in _ITEMS and item != "all" and items != "none":
                return warnings + LOG_HELP
        if "tid" in chosen and self._path is None:
            return f"{warnings}Filename template with '%d' required for 'tid'"
        return warnings + self._open()

    def set_file(self, filename: str) -> str:
        """Choose the log file. Spec: QEMU: one %d in its name stands for the process id."""
        if "%" in filename.replace("%d", "", 1):
            return f"Bad logfile template: {filename}"
        self._path = filename.replace("%d", str(os.getpid()), 1)
        return self._open()

    def _open(self) -> str:
        """Create the file. Spec: QEMU does so for any items, as traces may be added later."""
        if self._path is None:
            return ""
        try:
            os.close(self._open_path(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        except OSError as error:
            return f"Error opening logfile {self._path}: {error.strerror}"
        return ""

    def set_profile(self, op: str | None) -> str:
        """Turn the profile of locks on or off, or show whether it is on."""
        match op:
            case None:
                return f"sync-profile is {'on' if self._has_profile else 'off'}"
            case "on" | "off":
                self._has_profile = op == "on"
            case "reset":
                pass
            case _:
                return f"Error: Invalid parameter '{op}'"
        return ""


def _warning(pattern: str) -> str:
    """Warn that there is no such trace event; a pattern with wildcards may match none."""
    name = pattern.removeprefix("-")
    return "" if "*" in name else f"warning: trace event '{name}' does not exist\n"


def _trace_event(name: str, option: bool, vcpu: int | None) -> str:
    return _no_event(name, vcpu)


def _info_trace_events(name: str | None, vcpu: int | None) -> str:
    return "" if name is None else _no_event(name, vcpu)


def _no_event(name: str, vcpu: int | None) -> str:
    return f'unknown event "{name}"' if vcpu is None else f"invalid vCPU index {vcpu}"
