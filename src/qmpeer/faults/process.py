"""The faults that happen to a server's process: it stops, is killed, or exits."""

import os
import signal
import subprocess

from qmpeer.faults.fault import Fault


class ProcessFaults:
    """What stops or ends a process.

    Args:
        pid: The process; by default this one.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._pid = pid

    def __call__(self, fault: Fault) -> None:
        """Let a sigstop, sigkill or exit happen to the process.

        Another process can't be made to exit with a status: it is killed instead.
        """
        pid = os.getpid() if self._pid is None else self._pid
        match fault.word:
            case "sigstop":
                seconds = fault.get("seconds")
                if seconds is not None:
                    _continue_later(pid, fault.number("seconds"))
                os.kill(pid, signal.SIGSTOP)
            case "exit" if self._pid is None:
                text = fault.text("text")
                if text:
                    os.write(2, text.encode() + b"\n")
                os._exit(int(fault.number("status", 1)))
            case _:
                os.kill(pid, signal.SIGKILL)


def _continue_later(pid: int, seconds: float) -> None:
    """Start a process that continues another one later: a stopped process can't do so itself."""
    script = 'sleep "$1"; kill -CONT "$2"'
    words = ["/bin/sh", "-c", script, "sh", f"{seconds:f}", str(pid)]
    subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
