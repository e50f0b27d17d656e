"""The configuration file that a blkdebug node reads when it opens.

The file may be a FIFO. Opening a FIFO waits for a writer, and reading it lasts until the writer
closes it. A client can thus hold up in-band commands for as long as it likes, which is how
out-of-band execution is tested. The wait ends early when the machine shuts down.

Spec: QEMU's configuration files: ``[group]`` or ``[group "id"]``, then ``key = "value"``; a line
that starts with ``#`` is a comment.
"""

import os
import re
import select
import stat
import weakref
from collections.abc import Callable
from typing import Final

from qmpeer import limits
from qmpeer.errors import CommandError

_GROUP: Final = re.compile(r'\[([\w-]+)(?: "[\w.-]+")?\]')
_VALUE: Final = re.compile(r'\s*[\w.-]+\s*=\s*"[^"]*"\s*')
_GROUPS: Final = frozenset({"inject-error", "set-state"})


class ConfigReader:
    """A reader of configuration files; read() may block a worker thread, and close() wakes it.

    Args:
        open_path: Opens a path with the flags of open(2).
    """

    def __init__(self, open_path: Callable[[str, int], int]) -> None:
        self._wake_read, self._wake_write = os.pipe()
        # Not closed while a thread may still poll this end. Closing the write end wakes it.
        self._close_read = weakref.finalize(self, os.close, self._wake_read)
        self._is_reading = False
        self._is_closed = False
        self._open_path = open_path

    def read(self, path: str) -> None:
        """Read the whole file and check its syntax.

        Raises:
            CommandError: If the file can't be read, or isn't a configuration of blkdebug.
        """
        self._is_reading = True  # before the look at the end, whose thread looks at this after it
        try:
            if self._is_closed:
                raise _ending()
            text = self._read_bytes(path).decode("utf-8", "replace")
        except OSError as error:
            raise _refused(f"Could not read blkdebug config file: {error.strerror}") from error
        finally:
            self._is_reading = False
        _check(path, text)

    def close(self) -> None:
        """End all reads of FIFOs, those under way and those to come."""
        self._is_closed = True
        os.close(self._wake_write)
        if not self._is_reading:  # else when this object is gone
            self._close_read()

    def _read_bytes(self, path: str) -> bytes:
        # O_NONBLOCK opens a FIFO without waiting for a writer: the wait below can be interrupted.
        fd = self._open_path(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            is_fifo = stat.S_ISFIFO(os.fstat(fd).st_mode)
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.register(self._wake_read, select.POLLIN)
            data = bytearray()
            while len(data) <= limits.CONFIG_SIZE:
                ready = poll.poll() if is_fifo else []
                if any(number == self._wake_read for number, _ in ready):
                    raise _ending()
                try:
                    part = os.read(fd, 65536)
                except BlockingIOError:
                    continue
                if not part:
                    return bytes(data)
                data += part
            raise _refused(
                f"Could not read blkdebug config file: more than {limits.CONFIG_SIZE} bytes"
            )
        finally:
            os.close(fd)


def _check(path: str, text: str) -> None:
    group = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _GROUP.match(line):
            group = found[1]
            if group not in _GROUPS:
                raise _refused(f"There is no option group '{group}'")
        elif group is None:
            raise _refused("no group defined")
        elif not _VALUE.fullmatch(line):
            raise _refused(f"{path}:{number}: parse error")


def _ending() -> CommandError:
    return _refused("the machine is shutting down")


def _refused(reason: str) -> CommandError:
    return CommandError("GenericError", reason)
