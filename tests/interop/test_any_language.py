"""The examples in other languages: their programs run by our servers, or running these."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.judged_peers import NPM_FOLDER, node_modules
from tests.patience import PATIENCE

pytestmark = pytest.mark.real
EXAMPLES = Path(__file__).parents[2] / "examples" / "any_language"
OURS = (sys.executable, "-m", "qmpeer")


def run(*argv: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"NODE_PATH": str(NPM_FOLDER / "node_modules")}
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE, env=environment, cwd=EXAMPLES
    )


def fake(*command: str) -> None:
    """Run a program by the fake that it must stop."""
    done = run(*OURS, "fake", "vm.toml", "--", *command)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
    assert done.stderr.startswith("qmpeer fake: asked: ")
    assert done.stderr.endswith("mismatches: 0\n")


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def test_a_shell_with_socat() -> None:
    needs("socat")
    fake("sh", "stop.sh")


def test_c(tmp_path: Path) -> None:
    needs("cc")
    program = str(tmp_path / "stop")
    done = run("cc", "-Wall", "-Wextra", "-Werror", "-o", program, "stop.c")
    assert (done.returncode, done.stderr) == (0, "")
    fake(program)


def test_node() -> None:
    if reason := node_modules():
        pytest.skip(reason)
    fake("node", "stop.cjs")


def test_node_with_a_server_of_its_own() -> None:
    if reason := node_modules():
        pytest.skip(reason)
    done = run("node", "own_server.cjs", *OURS)
    assert (done.returncode, done.stdout) == (0, "stop: busy\ncalls: 1\n"), done.stderr


def test_they_are_short() -> None:
    for path in EXAMPLES.iterdir():
        assert path.read_text().count("\n") <= 30, path.name
