"""``qmpeer conformance --client``: its command line, its report and its exit status.

Modules: conformance_command.
"""

import json
import sys
from pathlib import Path

import pytest

from qmpeer.cli.main import main
from qmpeer.conformance import client_cases
from tests.patience import PATIENCE

PROGRAMS = Path(__file__).parents[1] / "interop" / "clients"
OURS = f"'{sys.executable}' '{PROGRAMS / 'ours.py'}' {{path}}"


def test_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--client", "x", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(client_cases())
    assert main(["conformance", "--client", "x", "--list", "-k", "^half-c", "--level", "must"]) == 0
    assert capsys.readouterr().out == (
        "half-closed  must     faulty  the end of the server's direction instead of a reply\n"
    )


def test_a_client(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["-k", "^member-order", "--expect", "running", "--timeout", str(PATIENCE)]
    output = ["--format", "json", "-o", str(tmp_path / "report")]
    assert main(["conformance", "--client", OURS, *options, *output]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    report = json.loads((tmp_path / "report").read_text())
    assert (report["suite"], report["target"], report["passed"]) == ("client", OURS, 1)


def test_a_client_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--client", "false", "--jobs", "2", "--memory", "100"]) == 1
    output = capsys.readouterr().out
    assert output.startswith("FAILED ordinary (must, legal): nothing is odd\n")
    assert "0 passed, 1 failed, 86 skipped" in output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--client x /run/q", "found --client and a server, expected one of them"),
        ("--client x -- serve", "found --client and a server, expected one of them"),
        ("--client x --may-change", "found --may-change, which is for servers only"),
        ("--client x --agent", "found --agent, which is for servers only"),
        ("--jobs 2 /run/q", "found --jobs, which is for --client only"),
        ("--expect x /run/q", "found --expect, which is for --client only"),
        ("--client '", 'found an open quote in "\'", expected a command'),
        ("--client=", "found an empty command, expected one such as 'client {address}'"),
        ("--client x -k (", "found '(', expected a pattern"),
        ("--client x -k nothing", "found no case for 'nothing', expected a part of a name"),
        ("--client /nonexistent/x", "/nonexistent/x: No such file or directory"),
    ],
)
def test_mistakes(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *words.split()]) == 2
    assert f"qmpeer conformance: {reason}" in capsys.readouterr().err
