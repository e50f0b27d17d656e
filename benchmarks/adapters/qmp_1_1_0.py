"""qmp 1.1.0 of PyPI, blocking: QEMU 5.0's own module.

It has no test of events: it loses the rest of a line that arrives in two pieces.
"""

from qmp import QEMUMonitorProtocol

from benchmarks.timing import Timing, timed


def sequential(path: str, count: int, command: str = "query-version") -> Timing:
    """Send one command after the other."""
    client = QEMUMonitorProtocol(path)
    client.connect()
    with timed() as timing:
        for _ in range(count):
            client.command(command)
    client.close()
    return timing


def schema(path: str, count: int) -> Timing:
    """Ask for the schema again and again."""
    return sequential(path, count, "query-qmp-schema")
