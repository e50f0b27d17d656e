"""A wait for a program to listen on a unix socket, without disturbing it by a connection.

The storage daemon's monitor drops a client that connects right after one that left before it was
greeted, and a QEMU may hang if a client connects as soon as it listens (`limits.DIAL_SETTLE`).
"""

import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from qmpeer import limits
from tests.patience import PATIENCE

__all__ = ["until_listening"]

REST = 0.002
LISTENING = "00010000"
"""The flags of a listening socket in ``/proc/net/unix`` (``__SO_ACCEPTCON``)."""


def until_listening(path: Path | str, process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait until a program listens at a path; fail at once if the process ends instead.

    The kernel doesn't report that a socket has begun to listen, so the table is read again and
    again, with a pause in between.
    """
    ends = [] if process is None else [os.pidfd_open(process.pid)]
    deadline = time.monotonic() + PATIENCE
    try:
        while not is_listening(str(path)):
            assert time.monotonic() < deadline, f"nobody listens at {path}"
            assert not select.select(ends, [], [], REST)[0], f"it ended: {path}"
    finally:
        for end in ends:
            os.close(end)
    time.sleep(limits.DIAL_SETTLE)


def is_listening(path: str) -> bool:
    with open("/proc/net/unix") as table:
        next(table)
        for line in table:
            # slot, reference count, protocol, flags, type, state, inode, path
            fields = line.rstrip("\n").split(None, 7)
            if fields[3] == LISTENING and fields[7:] == [path]:
                return True
    return False
