"""Our blocking client, as a program waits for events by hand."""

from benchmarks.timing import Timing, timed
from qmpeer import Client


def until(path: str, count: int) -> Timing:
    """Stop the machine and let it continue; take a mark before each, and wait for its event."""
    with Client.connect(path) as client, timed() as timing:
        for _ in range(count // 2):
            for command, name in (("stop", "STOP"), ("cont", "RESUME")):
                mark = client.event_mark()
                client.execute(command)
                client.wait_event(name, since=mark)
    return timing
