"""Round trips on one core: client and server take turns, so neither waits for the other's core.

Waking a sleeping core costs 50 us and more on a virtual machine, several times the work of a
command, and the scheduler decides unpredictably whether a round trip pays it.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def one_core(pid: int) -> Iterator[None]:
    """Pin another process, this one, and what this one starts to one core for the block."""
    allowed = os.sched_getaffinity(0)
    _move(pid, {max(allowed)})
    try:
        yield
    finally:
        _move(pid, allowed)


def _move(pid: int, cores: Iterable[int]) -> None:
    os.sched_setaffinity(0, cores)
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)
