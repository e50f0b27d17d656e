"""Launching of a program with its monitor on a socket pair: no path, no race at start-up.

The program ends with its client and with the process that launched it, even if that is killed: see
`qmpeer.client.process_guard`. Unless the caller asks for them, it doesn't get the signals of the
launching process's terminal.
"""

import os
import socket
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Sequence
from pkgutil import get_data
from typing import IO

from qmpeer import limits
from qmpeer.transport.forking import own, own_socket


def monitor_options(program: str) -> tuple[str, ...]:
    """Return the options that open a monitor on a descriptor, with "{fd}" as a placeholder.

    The storage daemon has options of its own; any other program gets QEMU's.
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
    """A launched program, and our end of its monitor.

    Args:
        argv: The program and its options, without those of the monitor.
        options: The monitor's options, with "{fd}" for the descriptor; None for QEMU's.
        stderr: The destination of its stderr; None keeps it for error messages.
        ends_with_parent: End it when this process ends.
        own_session: Run it in a session of its own, so that it gets no signals of our terminal.

    Attributes:
        process: The process.
        socket: Our end of the socket pair.

    Raises:
        OSError: If the program can't be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        options: Sequence[str] | None,
        stderr: int | IO[bytes] | None,
        ends_with_parent: bool,
        own_session: bool,
    ) -> None:
        # A file rather than a pipe: nobody reads a pipe, so a talkative program would block on it.
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
        # Runs also when a client is garbage-collected or the interpreter exits, or the program
        # would keep running.
        self._finish = weakref.finalize(self, _end, self.process, self._stderr, guard)
        self._finish.atexit = ends_with_parent
        own(self)

    def obituary(self) -> str | None:
        """Describe how the program ended, with the end of its stderr; return None if it still runs.

        Wait up to a second for that: the program's monitor closes before its process ends.
        """
        try:
            status = self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return None
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        output = self.stderr_text().strip()
        return f"{self._name} ended with {how}" + (f": {output}" if output else "")

    def stderr_text(self) -> str:
        """Return the end of its stderr."""
        if self._stderr is None or self._stderr.closed:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - limits.LAUNCH_STDERR))
        return self._stderr.read().decode(errors="replace")

    def _disown(self, reason: str) -> None:
        """Forget the program in a forked child: it belongs to the parent."""
        if self._guard is not None:
            self._guard.disown()
        self._finish.detach()

    def end(self) -> None:
        """End the program if it runs, and wait for it; repeated calls do no harm."""
        self._finish()


class _Guard:
    """The guard process of a launched program, and the lifeline that shows it that we run."""

    def __init__(self, process: "subprocess.Popen[bytes]", lifeline: socket.socket) -> None:
        self._process = process
        self._lifeline = lifeline

    @classmethod
    def of(cls, guarded: "subprocess.Popen[bytes]") -> "_Guard | None":
        """Start a guard; warn if it can't be started."""
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
        source = get_data("qmpeer.client", "process_guard.py")  # also from an archive
        if not (source and sys.executable) or getattr(sys, "frozen", False):
            raise OSError("there is no Python to run the guard")
        # A pidfd can't be taken over by another process, as a process id can.
        pidfd = os.pidfd_open(guarded.pid)
        ours, theirs = socket.socketpair()
        own_socket(ours)
        with theirs:
            fds = (pidfd, theirs.fileno())
            arguments = [*fds, os.getpid(), limits.CLOSE_TIMEOUT]
            try:
                process = subprocess.Popen(
                    # Isolated from the environment and without site: it starts fast and runs no
                    # other code.
                    [sys.executable, "-ISB", "-c", source.decode(), *map(str, arguments)],
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
        """Forget the guard in a forked child: it belongs to the parent."""
        self._process.returncode = 0  # or its destructor would warn that it still runs
        self._lifeline.close()

    def dismiss(self) -> None:
        """End the guard, once the guarded program has ended."""
        self._process.kill()
        self._process.wait()
        self._lifeline.close()


def _end(
    process: "subprocess.Popen[bytes]", stderr: IO[bytes] | None, guard: "_Guard | None"
) -> None:
    """End a program by SIGTERM, and by SIGKILL if it doesn't react."""
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
