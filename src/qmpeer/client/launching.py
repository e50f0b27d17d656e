"""A program started with its monitor on a socket pair: no path, no race at start-up.

It ends with its client and with the program that launched it, however that one ends: see
`qmpeer.client.process_guard`. It doesn't get the signals of that program's terminal, unless the
caller asks for them.
"""

import os
import socket
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Sequence
from importlib.util import find_spec
from typing import IO

from qmpeer import limits
from qmpeer.transport.forking import own, own_socket


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
    """A program that was started, and our end of its monitor.

    Args:
        argv: The program and its options, without those of the monitor.
        options: Those of the monitor, "{fd}" standing for the descriptor; None for QEMU's.
        stderr: Where its stderr goes; None keeps it for error messages.
        ends_with_parent: It ends when this program does.
        own_session: It runs in a session of its own, out of reach of this program's terminal.

    Attributes:
        process: The process.
        socket: Our end.

    Raises:
        OSError: If it can't be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        options: Sequence[str] | None,
        stderr: int | IO[bytes] | None,
        ends_with_parent: bool,
        own_session: bool,
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
                    start_new_session=own_session,
                )
            except BaseException:
                self.socket.close()
                if self._stderr is not None:
                    self._stderr.close()
                raise
        self._guard = guard = _Guard.of(self.process) if ends_with_parent else None
        # Also when a client is forgotten, or the interpreter ends: it would live on by itself.
        self._finish = weakref.finalize(self, _end, self.process, self._stderr, guard)
        self._finish.atexit = ends_with_parent
        own(self)

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

    def _disown(self, reason: str) -> None:
        """Take in that this is a forked child: the program is its parent's."""
        if self._guard is not None:
            self._guard.disown()
        self._finish.detach()

    def end(self) -> None:
        """End the program if it lives, and wait for it; doing so twice is fine."""
        self._finish()


class _Guard:
    """The guard of a launched program, and what tells it that we live."""

    def __init__(self, process: "subprocess.Popen[bytes]", lifeline: socket.socket) -> None:
        self._process = process
        self._lifeline = lifeline

    @classmethod
    def of(cls, guarded: "subprocess.Popen[bytes]") -> "_Guard | None":
        """Start one; warn if that can't be done."""
        try:
            return cls._start(guarded)
        except OSError as error:
            warnings.warn(
                f"process {guarded.pid} won't end with this program if that is killed: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            return None

    @classmethod
    def _start(cls, guarded: "subprocess.Popen[bytes]") -> "_Guard":
        spec = find_spec("qmpeer.client.process_guard")
        source = spec and spec.loader and spec.loader.get_source(spec.name)  # type: ignore[attr-defined]
        if not (source and sys.executable) or getattr(sys, "frozen", False):
            raise OSError("there is no Python to run the guard")
        pidfd = os.pidfd_open(guarded.pid)
        ours, theirs = socket.socketpair()
        own_socket(ours)
        with theirs:
            fds = (pidfd, theirs.fileno())
            words = [*fds, os.getpid(), limits.CLOSE_TIMEOUT]
            try:
                process = subprocess.Popen(
                    [sys.executable, "-ISB", "-c", source, *map(str, words)],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=fds,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
            finally:
                os.close(pidfd)
        return cls(process, ours)

    def disown(self) -> None:
        """Leave it to the parent process, in a forked child."""
        self._process.returncode = 0  # else its destructor would warn that it still runs
        self._lifeline.close()

    def dismiss(self) -> None:
        """End it, once what it guards has ended."""
        self._process.kill()
        self._process.wait()
        self._lifeline.close()


def _end(
    process: "subprocess.Popen[bytes]", stderr: IO[bytes] | None, guard: "_Guard | None"
) -> None:
    """End it politely first, then by SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=limits.CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if guard is not None:
        guard.dismiss()
    if stderr is not None:
        stderr.close()
