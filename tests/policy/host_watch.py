"""A folder of the host, and what is opened or made in it."""

import ctypes
import os
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_EVENT = struct.Struct("iIII")
_WATCHED = 0x001 | 0x002 | 0x020 | 0x080 | 0x100  # ACCESS, MODIFY, OPEN, MOVED_TO, CREATE


class HostWatch:
    """The names in a folder that somebody has touched; that of the folder itself if it was opened.

    Opening with O_PATH touches nothing.
    Spec: Linux, inotify(7).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or _libc.inotify_add_watch(self._fd, bytes(folder), _WATCHED) < 0:
            raise OSError(ctypes.get_errno(), "no inotify")

    def touched(self) -> set[str]:
        """Return what was touched since the last call."""
        names: set[str] = set()
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return names
            at = 0
            while at < len(data):
                *_, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                name = data[at : at + size].rstrip(b"\0").decode()
                names.add(name or self._folder.name)
                at += size

    def close(self) -> None:
        os.close(self._fd)
