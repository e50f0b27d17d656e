"""``qmpeer fake``: its help, its report and its exit status.

Modules: fake_command, report_output.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qmpeer.cli.main import main
from tests.patience import PATIENCE

SCRIPT = '[[on]]\ncommand = "stop"\n'


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fake", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: qmpeer fake SCRIPT [options]\n")


def test_a_mistake_in_a_script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "vm.toml"
    path.write_text('[[on]]\ncomand = "stop"\n')
    assert main(["fake", str(path), "-qmp", "null"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qmpeer fake: {path}:2:1: found the key 'comand' in on[0], expected")
    assert err.endswith("; did you mean command?\n")


def fake(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "vm.toml").write_text(SCRIPT)
    argv = [sys.executable, "-m", "qmpeer", "fake", "vm.toml", *words]
    return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)


def test_a_command_that_asks_nothing(tmp_path: Path) -> None:
    done = fake(tmp_path, "--", "true")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "qmpeer fake: asked: 0 commands",
        "mismatches: 1",
        "  not met: stop (vm.toml:2:11)",
        "    was never asked, expected once",
    ]
    assert done.stdout == ""


def test_a_report_as_json(tmp_path: Path) -> None:
    done = fake(tmp_path, "--allow-unmet", "--report", "json", "--", "sh", "-c", "exit 3")
    assert (done.returncode, done.stderr) == (3, "")
    assert json.loads(done.stdout) == {"calls": 0, "mismatches": [], "is_met": True}


def test_a_report_in_a_file(tmp_path: Path) -> None:
    done = fake(tmp_path, "--allow-unmet", "--report-file", "none/report", "--", "true")
    assert done.returncode == 2
    assert done.stderr == f"qmpeer fake: {tmp_path}/none/report: No such file or directory\n"
