"""A blocking client whose calls are interrupted by exceptions of a signal handler."""

import json
import subprocess
import sys

import pytest

from tests.faults.interrupted_client import KINDS
from tests.patience import PATIENCE


def run(kind: str, interrupts: int, threads: int, timeout: float) -> None:
    words = [
        "-m",
        "tests.faults.interrupted_client",
        f"--kind={kind}",
        f"--interrupts={interrupts}",
    ]
    done = subprocess.run(
        [sys.executable, *words, f"--threads={threads}"],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["interrupts"] >= interrupts


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupts(kind: str, threads: int) -> None:
    count = 60 if kind == "launched" else 200  # starting a program takes 50 ms
    run(kind, count, threads, PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_a_hundred_thousand(threads: int) -> None:
    run("plain", 100_000, threads, 600)
