"""The lines that were entered at a human monitor, which outlive its connections."""

from qmpeer import limits


class History:
    """Keep the last lines, each once.

    Spec: QEMU 7.2, measured: 64 lines; one that is entered again moves to the end.
    """

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def add(self, line: bytes) -> bool:
        """Take in a line; an empty one isn't kept.

        Returns:
            True if that changed anything, which it doesn't where the line stands last in a full
            history, or is empty.
        """
        is_full = len(self._lines) == limits.HUMAN_HISTORY
        if not line or (is_full and line == self._lines[-1]):
            return False
        if line in self._lines:
            self._lines.remove(line)
        elif is_full:
            del self._lines[0]
        self._lines.append(line)
        return True

    def lines(self) -> tuple[bytes, ...]:
        """Return all lines, the oldest first."""
        return tuple(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> bytes:
        return self._lines[index]
