"""A program started with its monitor on a socket pair: no path, no race at start-up."""

import os
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO

from qmpeer import limits

__all__ = ["Launched", "monitor_options"]


def monitor_options(program: str) -> tuple[str, ...]:
    """Return the options that open a monitor on a descriptor, "{fd}" in its place.

    QEMU's for any program but the storage daemon, which has its own.
    """
    if os.path.basename(program).startswith("qemu-storage-daemon"):
        monitor = ("--monitor", "chardev=qmpeer-monitor")
    else:
        monitor = ("-mon", "chardev=qmpeer-monitor,mode=control")
    return (
        "-chardev" if monitor[0] == "-mon" else "--chardev",
        "socket,id=qmpeer-monitor,fd={fd}",
        *monitor,
    )


class Launched:
    """Hold a program that was started, and our end of its monitor.

    Args:
        argv: The program and its options, without those of the monitor.
        options: Those of the monitor, "{fd}" standing for the descriptor; None for QEMU's.
        stderr: Where its stderr goes; None keeps it for error messages.

    Attributes:
        process: The process.
        socket: Our end.

    Raises:
        OSError: If it can't be started.
    """

    def __init__(
        self, argv: Sequence[str], options: Sequence[str] | None, stderr: int | IO[bytes] | None
    ) -> None:
        self._stderr = tempfile.TemporaryFile() if stderr is None else None  # noqa: SIM115 - kept
        self._name = argv[0]
        ours, theirs = socket.socketpair()
        self.socket: socket.socket = ours
        with theirs:
            fd = theirs.fileno()
            added = monitor_options(argv[0]) if options is None else options
            try:
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    [*argv, *(option.replace("{fd}", str(fd)) for option in added)],
                    stdin=subprocess.DEVNULL,
                    stderr=self._stderr if stderr is None else stderr,
                    pass_fds=(fd,),
                )
            except BaseException:
                self.socket.close()
                if self._stderr is not None:
                    self._stderr.close()
                raise
        # Also when a client is forgotten, or the interpreter ends: it would live on by itself.
        self._finish = weakref.finalize(self, _end, self.process, self._stderr)

    def obituary(self) -> str | None:
        """Return how the program ended and what it said last; None while it lives.

        It is given a moment: its monitor closes before it is gone.
        """
        try:
            status = self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return None
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        said = self.stderr_text().strip()
        return f"{self._name} ended with {how}" + (f": {said}" if said else "")

    def stderr_text(self) -> str:
        """Return the end of what it wrote to stderr."""
        if self._stderr is None or self._stderr.closed:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - limits.LAUNCH_STDERR))
        return self._stderr.read().decode(errors="replace")

    def end(self) -> None:
        """End the program if it lives, and wait for it; doing so twice is fine."""
        self._finish()


def _end(process: "subprocess.Popen[bytes]", stderr: IO[bytes] | None) -> None:
    """End it politely first, then by SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=limits.CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if stderr is not None:
        stderr.close()
