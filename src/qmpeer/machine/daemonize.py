"""Going on in the background: the first process ends once its child is ready.

Spec: QEMU, -daemonize and -pidfile. The first process waits for the last one's word and then ends
with status 0, or ends with status 1 if there was none; the last one keeps standard error until it
is ready, so that its errors come out where they are looked for.
"""

import fcntl
import os

from qmpeer.machine.start_error import StartError

_READY = b"r"


def hold_standard_descriptors() -> None:
    """Put something in the place of standard streams that were closed from the start.

    A socket of ours would get their number else, and be taken for a terminal.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


class Starter:
    """The line from the process that stays to the one that was started."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def say_ready(self) -> None:
        """Let the first process end, and let go of its terminal and folder."""
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        if null > 2:
            os.close(null)
        os.chdir("/")
        os.write(self._pipe, _READY)
        os.close(self._pipe)


def go_into_background() -> Starter | int:
    """Fork, before there are threads or a loop.

    Returns:
        In the process that was started: its exit status. In the one that stays: the line to it.
    """
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        return 0 if os.read(read_end, 1) == _READY else 1
    os.close(read_end)
    os.setsid()
    if os.fork():
        os._exit(0)  # so that what stays leads no session and gets no terminal
    os.umask(0o027)
    return Starter(write_end)


class PidFile:
    """The file that names this process, locked while it lives."""

    def __init__(self, path: str) -> None:
        """Create it.

        Raises:
            StartError: If it can't be created, or if another process holds it.
        """
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = f"Could not create '{path}': {error.strerror}"
            raise StartError("", None, f"cannot create PID file: {reason}") from error
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.write(self._fd, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(self._fd)
            reason = f"Cannot lock pid file: {error.strerror}"
            raise StartError("", None, f"cannot create PID file: {reason}") from error
        self._path = os.path.abspath(path)

    def remove(self) -> None:
        """Remove it, unless something else has taken its place."""
        try:
            if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                os.unlink(self._path)
        except OSError:
            pass
        os.close(self._fd)
