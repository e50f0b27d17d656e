"""A blocking client whose calls are cut short by exceptions of a signal's handler."""

import json
import subprocess
import sys

import pytest

from tests.patience import PATIENCE


def run(interrupts: int, threads: int, timeout: float) -> dict[str, object]:
    words = ["-m", "tests.faults.interrupted_client", f"--interrupts={interrupts}"]
    done = subprocess.run(
        [sys.executable, *words, f"--threads={threads}"],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert found["interrupts"] == interrupts
    return found


@pytest.mark.parametrize("threads", [1, 3])
def test_interrupts(threads: int) -> None:
    run(500, threads, PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_a_hundred_thousand(threads: int) -> None:
    run(100_000, threads, 600)
