"""qemu.qmp.legacy 0.0.6: its blocking client, a facade over the asyncio one."""

from qemu.qmp.legacy import QEMUMonitorProtocol

from benchmarks.timing import Timing, timed


def sequential(path: str, count: int, command: str = "query-version") -> Timing:
    """Send one command after the other."""
    client = QEMUMonitorProtocol(path)
    client.connect()
    with timed() as timing:
        for _ in range(count):
            client.cmd(command)
    client.close()
    return timing


def schema(path: str, count: int) -> Timing:
    """Ask for the schema again and again."""
    return sequential(path, count, "query-qmp-schema")


def events(path: str, count: int) -> Timing:
    """Take this many events, starting with the command that has them sent."""
    client = QEMUMonitorProtocol(path)
    client.connect()
    with timed() as timing:
        client.cmd("x-stream", count=count)
        for _ in range(count):
            client.pull_event(wait=True)
    client.close()
    return timing
