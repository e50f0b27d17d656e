"""The file of rules that blkdebug reads when it opens.

The file may be a FIFO: opening one waits until somebody opens its other end, and reading it until
that end is closed. A client can so hold up in-band commands for as long as it likes, which is how
out-of-band execution is tested. The wait here ends when the machine does.

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
    """A reader of files of rules in a worker thread, until close() is called in another.

    Args:
        open_path: Opens a path with flags of open().
    """

    def __init__(self, open_path: Callable[[str, int], int]) -> None:
        self._wake_read, self._wake_write = os.pipe()
        # Not in close(): a thread may still poll this end.
        weakref.finalize(self, os.close, self._wake_read)
        self._open_path = open_path

    def read(self, path: str) -> None:
        """Wait for the file's text and check it.

        Raises:
            CommandError: If the file can't be read, or isn't a file of rules.
        """
        try:
            text = self._read_bytes(path).decode("utf-8", "replace")
        except OSError as error:
            raise _refused(f"Could not read blkdebug config file: {error.strerror}") from error
        _check(path, text)

    def close(self) -> None:
        """End all waiting, now and in future."""
        os.close(self._wake_write)

    def _read_bytes(self, path: str) -> bytes:
        # Opened without blocking, a FIFO is there at once; then its writer is waited for.
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
                    raise _refused("the machine is shutting down")
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


def _refused(reason: str) -> CommandError:
    return CommandError("GenericError", reason)
