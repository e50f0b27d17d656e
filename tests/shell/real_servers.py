"""Real servers, each in a process of its own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import qmpeer
from qmpeer.transport import dial
from tests.patience import PATIENCE

OURS = (sys.executable, "-m", "qmpeer", "serve", "-machine", "none")
SHELL = (sys.executable, "-m", "qmpeer", "shell")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(qmpeer.__file__).parents[1])}


@contextlib.contextmanager
def running(
    argv: Sequence[str], is_ready: Callable[[], object]
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program; it is ready once a function doesn't raise OSError any more."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                is_ready()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                os.sched_yield()
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def listening(argv: Sequence[str], path: Path) -> Iterator[Path]:
    """Run a program with a monitor at a path."""
    options = ("-qmp", f"unix:{path},server=on,wait=off")
    with running(
        [*argv, *options], lambda: dial(path, timeout=PATIENCE, wait_for_socket=True).close()
    ):
        yield path
