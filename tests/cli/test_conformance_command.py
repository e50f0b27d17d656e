"""``qmpeer conformance``: what it prints and writes, and its exit status.

Modules: conformance_command.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from qmpeer import Monitor
from qmpeer.cli.main import main
from qmpeer.conformance import cases
from tests.patience import PATIENCE

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    monitor = Monitor()
    monitor.start(address := f"unix:{tmp_path}/q")
    yield address
    monitor.stop()


def test_list(capsys: Capture) -> None:
    assert main(["conformance", "--list", "--level", "must"]) == 0
    must = capsys.readouterr().out.splitlines()
    assert main(["conformance", "--list", "-k", "R34"]) == 0
    quits = capsys.readouterr().out.splitlines()
    assert main(["conformance", "--list", "--agent"]) == 0
    agents = capsys.readouterr().out.splitlines()

    assert [line.split()[1] for line in must] == ["must"] * len(must)
    assert len(agents) == len(cases("agent"))
    assert quits == [
        "quit        should   R34  quit is answered, then the connection ends  (--may-change)",
        "after-quit  as-qemu  R34  what comes behind quit isn't answered  (--may-change)",
    ]


def test_all_passed(address: str, capsys: Capture, tmp_path: Path) -> None:
    words = ["conformance", "-k", "^id|quit", address, "--fuzz", "3", "--seed", "8"]
    assert main([*words, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["passed"], report["failed"], report["skipped"]) == (7, 0, 2)

    file = tmp_path / "report.xml"
    assert main([*words, "--format", "junit", "-o", str(file)]) == 0
    assert capsys.readouterr().out.startswith("skipped, it changes the machine")
    assert ElementTree.parse(file).getroot()[0].get("tests") == "9"


def test_one_failed(tmp_path: Path, capsys: Capture) -> None:
    """A server that doesn't greet, and whose replies could steer a terminal."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                with listener.accept()[0] as client, contextlib.suppress(OSError):
                    client.sendall(b'{"return": "\x1b[2J"}\r\n' * 20)
                    client.recv(1 << 16)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        words = ["-k", "^(greeting|not-an-object)$", str(tmp_path / "q"), "--timeout", "0.2"]
        status = main(["conformance", *words])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
    out = capsys.readouterr().out
    assert status == 1
    assert out.startswith("FAILED greeting (must, R14): ")
    assert "2 failed" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "found neither, expected an ADDRESS, or -- and a COMMAND; see"),
        (["/q", "--", "x", "{path}"], "found both, expected an ADDRESS"),
        (["--", "x"], "found no {address} and no {path} in the command, expected one; see"),
        (["/nonexistent/q"], "unix:/nonexistent/q: No such file or directory"),
        (["tls:x"], "found 'x'"),
        (["--", "/nonexistent/server", "{path}"], "/nonexistent/server: No such file or directory"),
        (["/q", "-k", "zz"], "found no case for 'zz', expected a part of a name, or a rule; see"),
        (["/q", "-k", "("], "found '(', expected a pattern"),
        (["/q", "--level", "most"], "argument --level: invalid choice: 'most'"),
        (["--list", "-k", "("], "found '(', expected a pattern"),
    ],
)
def test_wrong_words(words: list[str], reason: str, capsys: Capture) -> None:
    assert main(["conformance", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qmpeer conformance: {reason}")
    assert err.count("\n") == 1


def test_a_report_that_cannot_be_written(address: str, capsys: Capture) -> None:
    assert main(["conformance", "-k", "^id$", address, "-o", "/nonexistent/report"]) == 2
    assert "/nonexistent/report: No such file or directory" in capsys.readouterr().err


SILENT = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
life = socket.socket(socket.AF_UNIX)
life.connect(sys.argv[2])
time.sleep(600)
"""


def test_a_signal_ends_the_server_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "life"))
        listener.listen()
        listener.settimeout(PATIENCE)
        server = [sys.executable, "-c", SILENT, "{path}", str(tmp_path / "life")]
        words = ["conformance", "--timeout", "60", "--", *server]
        judge = subprocess.Popen([sys.executable, "-m", "qmpeer", *words])
        with listener.accept()[0] as life:
            judge.send_signal(signal.SIGTERM)
            life.settimeout(PATIENCE)
            assert life.recv(1) == b""
    assert judge.wait(PATIENCE) == 143
