"""A connection that the kernel gives up: ETIMEDOUT counts as its end, not as our deadline."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


@pytest.mark.real
def test_etimedout_from_the_kernel(program: Callable[[str], str]) -> None:
    program("ip")
    unshare = program("unshare")
    source = os.pathsep.join([str(ROOT / "src"), *sys.path])
    environment = {**os.environ, "PATH": PATH, "PYTHONPATH": source}
    probe = [unshare, "--net", shutil.which("ip", path=PATH) or "ip"]
    probe += ["link", "add", "name", "a", "type", "veth", "peer", "name", "b"]
    if (
        subprocess.run(probe, capture_output=True, env=environment, timeout=PATIENCE).returncode
        != 0
    ):
        pytest.skip("no network namespace with a veth pair can be made (root can)")
    run = subprocess.run(
        [unshare, "--net", sys.executable, "-m", "tests.faults.dropped_link"],
        capture_output=True,
        cwd=ROOT,
        env=environment,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout)
    errors = {name: outcome["error"] for name, outcome in outcomes.items()}
    assert errors == {
        "blocking execute": "CommandInterrupted",
        "async execute": "CommandInterrupted",
        "blocking wait": "ConnectionClosed",
        "async wait": "ConnectionClosed",
        "blocking after": "ConnectionClosed",
        "async after": "ConnectionClosed",
    }
    assert {outcome["cause"] for outcome in outcomes.values()} == {errno.ETIMEDOUT}, outcomes
