"""The load that clients put on a server: each in a process of its own, timed in there."""

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import environments, programs
from benchmarks.rounds import LeftOutError, Sample
from benchmarks.rows import Quantity
from benchmarks.servers import environment

HERE = Path(__file__).parent
TIMEOUT = 60.0
C_LOOP = "c_loop"
PACKAGES = {
    "qmpeer_blocking": ("qmpeer", "msgspec"),
    "qemu_qmp": ("qemu.qmp",),
    "raw_json": (),
}
"""The packages in the environment of each client."""


def operations(contestant: str, test: str, path: str, count: int, folder: Path) -> Sample:
    """Run one test with a client; return its rate and its CPU time for each operation.

    Args:
        contestant: The name of an adapter, with the suffix `+uvloop` for that loop; or `c_loop`.
        test: The function of the adapter.
        path: Unix path of the server.
        count: The number of operations.
        folder: The folder for the C program.
    """
    if contestant == C_LOOP:
        argv = [str(programs.build("cping", folder)), test, path, str(count)]
    else:
        argv = [sys.executable, "-m", "benchmarks.one_client", contestant, test, path, str(count)]
    timing = json.loads(_run(argv))
    return {Quantity.RATE: count / timing["wall"], Quantity.CPU: timing["cpu"] / count}


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment()
        )
    except subprocess.TimeoutExpired:
        raise LeftOutError(f"not done within {TIMEOUT:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise LeftOutError(lines[-1])
    return done.stdout


def first_reply(contestant: str, path: str, folder: Path) -> Sample:
    """Return the time from the start of a client's process to its first reply.

    The process runs in an environment that has only this client.
    """
    script = str(HERE / "first_reply" / f"{contestant}.py")
    home = folder / f"{contestant}-environment"
    is_first = not home.exists()
    python = str(environments.create(home, PACKAGES[contestant]))
    if is_first:  # the first start compiles it
        _start(python, script, path)
    return {Quantity.TIME: _start(python, script, path)}


def _start(python: str, script: str, path: str) -> float:
    variables = environment()
    del variables["PYTHONPATH"]
    start = time.perf_counter()
    with subprocess.Popen(
        [python, script, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=variables,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if process.returncode or not line:
        raise LeftOutError(f"{script} failed with status {process.returncode}")
    return seconds
