"""The signals that end a program, and the processes that send them.

Spec: QEMU reports the id and the name of the sender. A Python signal handler doesn't get these, so
the signals are blocked, and a thread waits for them with sigwaitinfo().
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGHUP, signal.SIGTERM})

OnSignal = Callable[[int, str], None]
"""Called with a signal's number and a text about its sender: "" or " from pid 7 (bash)"."""


def block_signals() -> None:
    """Block the signals until watch_signals() waits for them; call this before threads start."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def watch_signals(on_signal: OnSignal) -> None:
    """Wait for signals in a thread, and call a function there for each."""

    def watch() -> None:
        while True:
            info = signal.sigwaitinfo(_SIGNALS)
            on_signal(info.si_signo, _sender(info.si_pid))

    threading.Thread(target=watch, name="signals", daemon=True).start()


def _sender(pid: int) -> str:
    """Describe a signal's sender. Spec: QEMU: "" for pid 0, the kernel, as after Ctrl-C."""
    if pid == 0:
        return ""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            name = os.fsdecode(file.read(4096).partition(b"\0")[0])
    except OSError:
        name = ""
    return f" from pid {pid} ({name or '<unknown process>'})"
