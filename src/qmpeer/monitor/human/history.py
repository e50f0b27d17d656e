"""The history of a human monitor's lines, which outlives its connections."""

from qmpeer import limits


class History:
    """The last lines that were entered, each once.

    Spec: QEMU 7.2, measured: 64 lines; a repeated line moves to the end.
    """

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def add(self, line: bytes) -> bool:
        """Add a line, unless it is empty.

        Returns:
            True if the history changed. It doesn't if the line is empty, or if the history is full
            and the line is its last.
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
