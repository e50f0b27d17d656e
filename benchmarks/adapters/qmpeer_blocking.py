"""Our blocking client."""

from benchmarks.timing import Timing, timed
from qmpeer import Client


def sequential(path: str, count: int, command: str = "query-version") -> Timing:
    """Send one command after the other."""
    with Client.connect(path) as client, timed() as timing:
        for _ in range(count):
            client.execute(command)
    return timing


def schema(path: str, count: int) -> Timing:
    """Ask for the schema again and again."""
    return sequential(path, count, "query-qmp-schema")


def events(path: str, count: int) -> Timing:
    """Take this many events, starting with the command that has them sent."""
    with (
        Client.connect(path) as client,
        client.events("BLOCK_JOB_READY") as arriving,
        timed() as timing,
    ):
        client.execute("x-stream", {"count": count})
        for number, _ in enumerate(arriving, start=1):
            if number == count:
                break
    return timing


def until(path: str, count: int) -> Timing:
    """Stop the machine and let it continue, each until its event."""
    with Client.connect(path) as client, timed() as timing:
        for _ in range(count // 2):
            client.execute("stop", until="STOP")
            client.execute("cont", until="RESUME")
    return timing
