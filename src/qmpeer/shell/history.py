"""The history of typed lines: one file for each user, to which lines are only appended.

Each line of the file is one entry as a JSON string. Several shells may append at once.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import msgspec
from prompt_toolkit.history import History

from qmpeer import limits
from qmpeer.recording import open_private


def history_path(environment: Mapping[str, str]) -> str:
    """Return the path of the history: ``$XDG_STATE_HOME/qmpeer/history``.

    XDG_STATE_HOME defaults to ``~/.local/state``.
    """
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return os.path.join(os.path.expanduser(base), "qmpeer", "history")


class FileHistory(History):
    """The history of one user in a file, without secrets.

    Args:
        path: The file; None keeps the history in memory only.
        redact: Returns a line without its secrets; None if the line must not be stored.
    """

    def __init__(
        self, path: "str | os.PathLike[str] | None", redact: Callable[[str], str | None]
    ) -> None:
        super().__init__()
        self.path: str | None = None if path is None else os.fspath(path)
        self._redact = redact
        self._last: str | None = None

    def append_string(self, string: str) -> None:
        """Add a line, unless it is blank, too long, or the same as the line before."""
        if len(string) > limits.SHELL_HISTORY_ENTRY or not string.strip():
            return
        shown = self._redact(string.strip())
        if shown is None or shown == self._last:
            return
        self._last = shown
        super().append_string(shown)

    def load_history_strings(self) -> Iterable[str]:
        """Return the entries of the file, the newest first."""
        return reversed(self._read())

    def _read(self) -> list[str]:
        if self.path is None:
            return []
        try:
            with open(self.path, "rb", opener=_no_link) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - limits.SHELL_HISTORY))  # its first line may be cut: skipped
                lines = file.read().splitlines()
        except OSError:
            return []
        return [entry for line in lines if isinstance(entry := _entry(line), str)]

    def store_string(self, string: str) -> None:
        """Append a line to the file; if that fails, keep history in memory from now on."""
        if self.path is None:
            return
        data = msgspec.json.encode(string.encode(errors="replace").decode()) + b"\n"
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            # O_APPEND and one write(): entries of several shells don't mix.
            with open(open_private(self.path, os.O_NOFOLLOW), "ab") as file:
                file.write(data)
        except OSError:
            self.path = None


def _no_link(path: str, flags: int) -> int:
    """Open a file that is no symbolic link, without waiting for the writer of a FIFO."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _entry(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
