"""Wait until a program listens on a unix socket, without disturbing it by a connection.

The storage daemon's monitor drops a client that comes right after one that left ungreeted.
"""

import subprocess
import time
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE

__all__ = ["until_listening"]

LISTENING = "00010000"
"""The flags of a listening socket in ``/proc/net/unix`` (``__SO_ACCEPTCON``)."""


def until_listening(path: Path | str, process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait until somebody listens at a path; fail at once if the process ends instead."""
    deadline = time.monotonic() + PATIENCE
    while not is_listening(str(path)):
        if process is not None:
            assert process.poll() is None, f"it ended with status {process.returncode}"
        assert time.monotonic() < deadline, f"nobody listens at {path}"
        time.sleep(0.002)


def is_listening(path: str) -> bool:
    with open("/proc/net/unix") as table:
        next(table)
        for line in table:
            # slot, reference count, protocol, flags, type, state, inode, path
            fields = line.rstrip("\n").split(None, 7)
            if fields[3] == LISTENING and fields[7:] == [path]:
                return True
    return False
