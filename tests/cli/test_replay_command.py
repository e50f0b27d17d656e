"""``qmpeer replay``: its help, its report and its exit status, each in a process of its own.

Modules: replay_command.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from qmpeer import Client, CommandError
from qmpeer.cli.main import main
from tests.patience import PATIENCE

TEXT = '-> {"execute": "a"}\n<- {"return": 1}\n'


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "found no recording, expected a FILE"),
        ("none.txt -qmp stdio", "none.txt: No such file or directory"),
        ("r.txt -qmp unix:/nonexistent/p,server=on", "-qmp unix:/nonexistent/p,server=on: Failed"),
    ],
)
def test_what_is_wrong(
    words: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.txt").write_text(TEXT)
    assert main(["replay", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qmpeer replay: {reason}")
    assert err.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "-h"]) == 0
    assert capsys.readouterr().out.startswith("usage: qmpeer replay FILE... [options]\n")


def replay(tmp_path: Path, *words: str, asks: str) -> tuple[int, str, str]:
    """Run a replay, and ask it for some commands; return its status, output and errors."""
    (tmp_path / "r.txt").write_text(TEXT)
    argv = [sys.executable, "-m", "qmpeer", "replay", "r.txt", *words]
    process = subprocess.Popen(
        [*argv, "-qmp", "unix:q,server=on,wait=off"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    try:
        with Client.connect(tmp_path / "q", timeout=PATIENCE, wait_for_socket=True) as vm:
            for name in asks:
                with suppress(CommandError):
                    vm.execute(name)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err


def test_a_report_as_text_on_standard_error(tmp_path: Path) -> None:
    status, out, err = replay(tmp_path, "--strict", asks="aab")
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[:3] == [
        "qmpeer replay: asked more often than recorded: a",
        "  recorded: a (r.txt:1)",
        "qmpeer replay: not recorded: b",
    ]
    assert "qmpeer replay: played: 1, for 1 client" in lines
    assert "asked in vain: 2" in lines


def test_a_report_as_json_on_standard_output(tmp_path: Path) -> None:
    fault = ("--fault", "delay seconds=0.001")
    status, out, err = replay(tmp_path, "--strict", "--report", "json", *fault, asks="a")
    assert status == 0
    assert json.loads(out)["is_complete"] is True
    shown = err.splitlines()
    assert shown[0] == "qmpeer replay: fault: delay seconds=0.001"
    assert shown[1].startswith("qmpeer replay: terminating on signal 15")


def test_a_report_in_a_file(tmp_path: Path) -> None:
    status, out, _ = replay(tmp_path, "--report-file", "report", asks="b")
    assert (status, out) == (0, "")
    assert (tmp_path / "report").read_text().startswith("played: 0, for 1 client\nnever asked: 1\n")


def test_the_status_of_a_command(tmp_path: Path) -> None:
    """It is the program's; after 0, that of --strict. The report comes after it."""
    recording = tmp_path / "r.txt"
    recording.write_text(TEXT)
    for command, status in ((["true"], 1), (["sh", "-c", "exit 3"], 3)):
        argv = [sys.executable, "-m", "qmpeer", "replay", str(recording), "--strict"]
        done = subprocess.run(
            [*argv, "--", *command], capture_output=True, text=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith("qmpeer replay: played: 0, for 0 clients\nnever asked: 1")


def test_it_ends_with_the_test_that_started_it(tmp_path: Path) -> None:
    """A test in any language: it holds a pipe, and reads one line."""
    (tmp_path / "r.txt").write_text(TEXT)
    argv = [sys.executable, "-m", "qmpeer", "replay", "r.txt", "--print-address", "--until-eof"]
    with subprocess.Popen(
        argv, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            line = json.loads(process.stdout.readline())
            with Client.connect(line["address"], timeout=PATIENCE) as vm:
                assert vm.execute("a") == 1
            _, err = process.communicate(timeout=PATIENCE)  # closes its standard input
        finally:
            process.kill()
    assert process.returncode == 0
    assert err.startswith(b"qmpeer replay: played: 1, for 1 client\n")
    assert line["pid"] == process.pid
    assert not Path(line["path"]).parent.exists()
