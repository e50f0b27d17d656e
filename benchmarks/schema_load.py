"""The time of the schema's tools on a real schema: each measurement in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.one_schema import MODULE, RECORDING, TREE
from benchmarks.rounds import LeftOutError, Sample
from benchmarks.rows import Quantity
from benchmarks.servers import environment

TIMEOUT = 120.0
_WITH_BINDING = ("typed", "import_after_client", "import_alone")


def seconds(test: str, folder: Path) -> Sample:
    """Take one sample.

    Args:
        test: A test of `one_schema`.
        folder: The folder for the binding that some tests import.

    Raises:
        LeftOutError: If there are no real schemas.
    """
    corpus = _corpus()
    if test in _WITH_BINDING and not (folder / f"{MODULE}.py").exists():
        _run("write_binding", corpus, folder)
    return {Quantity.TIME: _run(test, corpus, folder)}


def _corpus() -> str:
    path = os.environ.get("QMPEER_CORPUS")
    if not path:
        raise LeftOutError("QMPEER_CORPUS names no directory with real schemas and recordings")
    for name in (TREE, RECORDING):
        if not (Path(path) / name).exists():
            raise LeftOutError(f"no {name} where QMPEER_CORPUS points")
    return path


def _run(test: str, corpus: str, folder: Path) -> float:
    argv = [sys.executable, "-m", "benchmarks.one_schema", test, corpus, str(folder)]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment()
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise LeftOutError(lines[-1])
    return float(done.stdout)
