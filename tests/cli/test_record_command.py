"""``qmpeer record``: what it writes, and when.

Modules: record_command.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpeer import Client, Monitor
from qmpeer.cli.main import main
from qmpeer.recording import read_transcript
from qmpeer.transcript import Line
from qmpeer.values import JsonObject
from tests.patience import PATIENCE

SECRET: JsonObject = {"protocol": "vnc", "password": "hush"}


@contextmanager
def recorded(folder: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the recorder before a monitor, until it listens."""
    monitor = Monitor(name="vm", version=(7, 2, 0))
    monitor.command("query-status")(lambda: {"status": "running"})
    monitor.command("set_password")(set_password)
    monitor.start(f"unix:{folder}/vm")
    where = f"unix:{folder}/own,server=on,wait=off"
    argv = [sys.executable, "-m", "qmpeer", "record", f"{folder}/vm", "-qmp", where, *words]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        monitor.stop()


def set_password(protocol: str, password: str) -> None:
    """Do nothing."""


def connect(folder: Path) -> Client:
    return Client.connect(
        folder / "own", wait_for_socket=True, timeout=PATIENCE, command_timeout=PATIENCE
    )


def test_what_is_written_and_told(tmp_path: Path) -> None:
    file = tmp_path / "vm.txt"
    with recorded(tmp_path, "-o", str(file), "--no-times") as process:
        with connect(tmp_path) as client:
            client.execute("query-status")
            client.execute("set_password", SECRET)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    ended, told = err.splitlines()
    assert ended.startswith("qmpeer record: terminating on signal 2 from pid ")
    assert re.fullmatch(
        rf"qmpeer record: recorded 1 connection, 7 messages, \d{{3}} bytes in {file}", told
    )
    (section,) = read_transcript(file).sections
    lines = [entry.data.decode() for entry in section.entries if isinstance(entry, Line)]
    assert len(lines) == 7
    assert "<redacted>" in lines[5]
    assert "hush" not in file.read_text()


def test_a_crash_loses_the_last_line_at_most(tmp_path: Path) -> None:
    file = tmp_path / "vm.txt"
    with recorded(tmp_path, "-o", str(file)) as process, connect(tmp_path) as client:
        for _ in range(3):
            client.execute("query-status")
        process.kill()
        process.wait(PATIENCE)
        lines = file.read_text().splitlines()
    replies = [line for line in lines if line.startswith('<- {"return": {"status": "running"}')]
    assert len(replies) >= 2  # the third has passed, and may not be written yet


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("q -qmp stdio", "found no -o FILE, expected the file to write to"),
        ("q -qmp stdio -o", "-o: requires an argument"),
        ("-o f", "found no ADDRESS, expected that of the QMP server"),
        ("q -o /nonexistent/f -qmp null", "-o /nonexistent/f: No such file or directory"),
    ],
)
def test_what_is_wrong(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", *words.split()]) == 2
    assert capsys.readouterr().err.startswith(f"qmpeer record: {reason}")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "-h"]) == 0
    assert capsys.readouterr().out.startswith("usage: qmpeer record ADDRESS -o FILE [options]\n")
