"""History: one file a user, to which lines are added and from which none is ever taken.

Each line of the file is one entry as a JSON string. Several shells may write to it at once.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import msgspec
from prompt_toolkit.history import History

from qmpeer import limits
from qmpeer.shell.files import open_private


def history_path(environment: Mapping[str, str]) -> str:
    """Return where history is kept: ``$XDG_STATE_HOME/qmpeer/history``, in the home by default."""
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return os.path.join(os.path.expanduser(base), "qmpeer", "history")


class FileHistory(History):
    """Keep what was typed, without its secrets.

    Args:
        path: The file; None keeps it in memory only.
        redact: Returns what may be kept of a line, None for nothing.
    """

    def __init__(
        self, path: "str | os.PathLike[str] | None", redact: Callable[[str], str | None]
    ) -> None:
        super().__init__()
        self.path: str | None = None if path is None else os.fspath(path)
        self._redact = redact
        self._last: str | None = None

    def append_string(self, string: str) -> None:
        """Add a line; blank ones, too long ones and repetitions are left out."""
        if len(string) > limits.SHELL_HISTORY_ENTRY or not string.strip():
            return
        shown = self._redact(string.strip())
        if shown is None or shown == self._last:
            return
        self._last = shown
        super().append_string(shown)

    def load_history_strings(self) -> Iterable[str]:
        """Give the entries of the file, the last first."""
        return reversed(self._read())

    def _read(self) -> list[str]:
        if self.path is None:
            return []
        try:
            with open(self.path, "rb", opener=_no_link) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - limits.SHELL_HISTORY))
                lines = file.read().splitlines()
        except OSError:
            return []
        return [entry for line in lines if isinstance(entry := _entry(line), str)]

    def store_string(self, string: str) -> None:
        """Add a line to the file; where that is not possible, it is kept in memory only."""
        if self.path is None:
            return
        data = msgspec.json.encode(string.encode(errors="replace").decode()) + b"\n"
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            with open(open_private(self.path, os.O_NOFOLLOW), "ab") as file:
                file.write(data)
        except OSError:
            self.path = None


def _no_link(path: str, flags: int) -> int:
    """Open a file, but not by a link, and without waiting for somebody to write to it."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _entry(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
