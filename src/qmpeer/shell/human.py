"""The human monitor through QMP: the CPU that lines are about."""

from qmpeer.values import JsonObject


class HumanMonitor:
    """The CPU that lines for the human monitor are about.

    QEMU takes the CPU with each line, and refuses one that isn't there: nothing is said of a CPU
    until somebody chooses one by ``cpu N``.
    """

    def __init__(self) -> None:
        self._cpu: int | None = None

    def arguments(self, line: str) -> JsonObject:
        """Return the arguments of human-monitor-command for a line."""
        cpu = _choice(line)
        if cpu is None:
            cpu = self._cpu
        return {"command-line": line} | ({} if cpu is None else {"cpu-index": cpu})

    def update(self, line: str, text: str) -> None:
        """Take in what a line printed: the CPU that it chose counts if it is there."""
        cpu = _choice(line)
        if cpu is not None and "nvalid" not in text:
            self._cpu = cpu


def _choice(line: str) -> int | None:
    """Return the CPU that a line chooses; None if it chooses none."""
    words = line.split()
    is_choice = len(words) == 2 and words[0] == "cpu" and words[1].isdecimal()
    # int() refuses thousands of digits, and no machine has so many CPUs.
    return int(words[1]) if is_choice and len(words[1]) < 10 else None
