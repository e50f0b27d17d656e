"""The faults that happen to a server's process: it stops, is killed, or exits."""

import os
import signal
import subprocess
from pathlib import Path

from qmpeer.faults.fault import Fault


class ProcessFaults:
    """A way to stop or end a process.

    Args:
        process: Its id, or the path of its pid file, which is read when a fault happens; by default
            this process.
    """

    def __init__(self, process: int | str | Path | None = None) -> None:
        self._process = process

    def __call__(self, fault: Fault) -> None:
        """Let a sigstop, sigkill or exit happen to the process.

        Another process can't be made to exit with a status: it is killed instead.

        Raises:
            OSError: If the process is gone, or its file can't be read.
            ValueError: If the file doesn't hold a process id.
        """
        pid = self._pid()
        match fault.word:
            case "sigstop":
                if fault.get("seconds") is not None:
                    _continue_later(pid, fault.number("seconds"))
                os.kill(pid, signal.SIGSTOP)
            case "exit" if pid == os.getpid():
                if text := fault.text("text"):
                    os.write(2, f"{text}\n".encode())
                os._exit(int(fault.number("status", 1)))
            case _:
                os.kill(pid, signal.SIGKILL)

    def _pid(self) -> int:
        if self._process is None:
            return os.getpid()
        if isinstance(self._process, int):
            return self._process
        path = Path(self._process)
        try:
            with path.open("rb") as file:
                text = file.read(32).strip()
        except OSError as error:
            raise OSError(error.errno, f"{path}: {error.strerror}") from error
        if not text.isdigit() or not int(text):
            raise ValueError(f"found {text!r} in {path}, expected a process id")
        return int(text)


def _continue_later(pid: int, seconds: float) -> None:
    """Start a process that continues another one later: a stopped process can't do so itself."""
    script = '(sleep "$1"; kill -CONT "$2") &'  # in the background: nobody has to wait for it
    words = ["/bin/sh", "-c", script, "sh", f"{seconds:f}", str(pid)]
    null = subprocess.DEVNULL
    subprocess.run(words, stdin=null, stdout=null, stderr=null, check=True)
