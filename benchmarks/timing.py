"""The clock of every client measurement: wall time and this process's own CPU time."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """Seconds that a measured block took.

    Attributes:
        wall: Seconds of real time.
        cpu: Seconds of CPU time of this process, user and system.
    """

    wall: float = 0.0
    cpu: float = 0.0


@contextlib.contextmanager
def timed() -> Iterator[Timing]:
    """Time the block; the figures are set when it has ended."""
    timing = Timing()
    wall, cpu = time.perf_counter(), time.process_time()
    yield timing
    timing.wall, timing.cpu = time.perf_counter() - wall, time.process_time() - cpu
