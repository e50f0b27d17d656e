"""The human monitor through QMP, with the CPU that its commands apply to."""

from qmpeer.values import JsonObject


class HumanMonitor:
    """The state of a human monitor session: the CPU chosen with ``cpu N``.

    QEMU expects the CPU with each line, and rejects a CPU that doesn't exist. So no CPU is sent
    until the user chooses one.
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
        """Remember the CPU that a line chose, unless its output says that there is no such CPU."""
        cpu = _choice(line)
        if cpu is not None and "nvalid" not in text:  # "invalid CPU index", in either case
            self._cpu = cpu


def _choice(line: str) -> int | None:
    """Return the CPU that a line chooses; None if it chooses none."""
    words = line.split()
    is_choice = len(words) == 2 and words[0] == "cpu" and words[1].isdecimal()
    # int() raises ValueError at thousands of digits.
    return int(words[1]) if is_choice and len(words[1]) < 10 else None
