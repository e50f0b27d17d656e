"""Real servers in processes of their own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import qmpeer
from tests.listening import until_listening
from tests.patience import PATIENCE

OURS = (sys.executable, "-m", "qmpeer", "serve", "-machine", "none")
SHELL = (sys.executable, "-m", "qmpeer", "shell")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(qmpeer.__file__).parents[1])}


@contextlib.contextmanager
def running(argv: Sequence[str], path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program, and return once it listens at a path."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        until_listening(path, process)
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
    with running([*argv, *options], path):
        yield path
