"""The signals that end a machine, and who sent them.

Spec: QEMU says which process has sent the signal, and its name. A handler of Python's doesn't learn
that; so the signals are blocked, and a thread waits for them.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGHUP, signal.SIGTERM})

When = Callable[[int, str], None]
"""Is told the number of a signal, and what is known of its sender: "" or " from pid 7 (bash)"."""


def block_signals() -> None:
    """Hold back the signals until they are waited for; before there are threads."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def watch_signals(when: When) -> None:
    """Wait for signals in a thread, and call a function there."""

    def watch() -> None:
        while True:
            info = signal.sigwaitinfo(_SIGNALS)
            when(info.si_signo, _sender(info.si_pid))

    threading.Thread(target=watch, name="signals", daemon=True).start()


def _sender(pid: int) -> str:
    """Name a process. Spec: QEMU: nobody for 0, which is the kernel, as for Ctrl-C."""
    if pid == 0:
        return ""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            name = os.fsdecode(file.read(4096).partition(b"\0")[0])
    except OSError:
        name = ""
    return f" from pid {pid} ({name or '<unknown process>'})"
