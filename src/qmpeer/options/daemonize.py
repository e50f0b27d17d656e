"""Daemonization: the first process ends once the daemon, its grandchild, is ready.

Spec: QEMU, -daemonize and -pidfile. The first process waits on a pipe. It ends with status 0 when
the daemon reports that it is ready, and with status 1 if the daemon ends before. The daemon keeps
standard error until it is ready, so that the user sees its errors.
"""

import fcntl
import os

from qmpeer.options.start_error import StartError

_READY = b"r"


def hold_standard_descriptors() -> None:
    """Open the null device in place of standard streams that were closed from the start.

    Otherwise a socket of ours would get the number of a standard stream, and be used as one.
    """
    # open() takes the lowest free number: this fills the gaps among 0, 1 and 2.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


class ReadyPipe:
    """The pipe on which the daemon reports to the first process that it is ready."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def report_ready(self) -> None:
        """Report that the daemon is ready; detach from the terminal and the current folder."""
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        if null > 2:
            os.close(null)
        os.chdir("/")
        os.write(self._pipe, _READY)
        os.close(self._pipe)


def go_into_background() -> ReadyPipe | int:
    """Fork twice; call this before a thread or an event loop exists.

    Returns:
        In the first process, after the daemon is ready or has failed: the exit status. In the
        daemon: the pipe to the first process.
    """
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        return 0 if os.read(read_end, 1) == _READY else 1
    os.close(read_end)
    os.setsid()  # a session without a terminal; its leader, this process, is about to end
    if os.fork():
        os._exit(0)  # the daemon leads no session, so it can't acquire a controlling terminal
    os.umask(0o027)
    return ReadyPipe(write_end)


class PidFile:
    """A file with this process's id, locked as long as the process runs."""

    def __init__(self, path: str) -> None:
        """Create and lock the file.

        Raises:
            StartError: If it can't be created, or if another process has locked it.
        """
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = f"Could not create '{path}': {error.strerror}"
            raise StartError("", None, f"cannot create PID file: {reason}") from error
        try:
            # Locked before it is truncated: another process's file must stay as it is.
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.write(self._fd, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(self._fd)
            reason = f"Cannot lock pid file: {error.strerror}"
            raise StartError("", None, f"cannot create PID file: {reason}") from error
        self._path = os.path.abspath(path)

    def remove(self) -> None:
        """Remove the file, unless another file has taken its place."""
        try:
            if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                os.unlink(self._path)
        except OSError:
            pass
        os.close(self._fd)
