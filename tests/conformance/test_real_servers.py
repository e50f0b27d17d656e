"""Real servers fail exactly what the page says, and so do ours.

Modules: servers.cases.agents.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer.conformance import Report, judge
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "judge-a-server.md"
SERVE = (sys.executable, "-m", "qmpeer", "serve")
SOCKET = "unix:{path},server=on,wait=off"


def listed(heading: str, program: str) -> set[str]:
    """Return the cases that a table of the page has for a program."""
    table = PAGE.read_text().partition(f"| Program | {heading} |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")]
    found = [row[2] for row in rows if program in row[1].strip().split(", ")]
    assert found, program
    return set(re.findall(r"`([\w-]+)`", " ".join(found)))


def assert_as_listed(report: Report, program: str, skips: str | None = None) -> None:
    """Check that a program fails and skips what the page says."""
    failed = {result.case.name for result in report.failed}
    skipped = {result.case.name for result in report.skipped}
    assert failed == listed("Fails", program), str(report)
    assert skipped == listed("Skipped", skips or program), str(report)


def judged(*command: str, suite: str = "server", fuzz: int = 20) -> Report:
    return judge(command=command, suite=suite, may_change=True, fuzz_inputs=fuzz, timeout=PATIENCE)


@pytest.mark.real
def test_qemu(program: Callable[[str], str], qemu_version: tuple[int, int]) -> None:
    report = judged(program(QEMU), *BASE, "-qmp", SOCKET)
    name = "QEMU 10.0" if qemu_version[0] > 9 else "QEMU 7.2"
    assert_as_listed(report, name)


@pytest.mark.real
def test_storage_daemon(program: Callable[[str], str]) -> None:
    options = ("--chardev", f"socket,id=c,{SOCKET.replace('unix:', 'path=')}")
    report = judged(program("qemu-storage-daemon"), *options, "--monitor", "chardev=c")
    assert_as_listed(report, "storage daemon")


@pytest.mark.real
def test_guest_agent(program: Callable[[str], str], tmp_path: Path) -> None:
    options = ("-m", "unix-listen", "-p", "{path}", "-t", str(tmp_path), "-f", f"{tmp_path}/pid")
    report = judged(program("qemu-ga"), *options, suite="agent")
    assert {result.case.name for result in report.failed} == listed("Fails", "guest agent")
    assert report.skipped == ()


def test_serve() -> None:
    """Without the cases that end it: a new start takes half a second."""
    report = judge(command=[*SERVE, "-qmp", SOCKET], pattern="^(?!.*quit)", may_change=True)
    assert_as_listed(report, "`qmpeer serve`", "QEMU 7.2")


@pytest.mark.slow
def test_serve_to_its_end() -> None:
    report = judged(*SERVE, "-qmp", SOCKET, fuzz=2000)
    assert_as_listed(report, "`qmpeer serve`", "QEMU 7.2")


@pytest.mark.slow
@pytest.mark.real
def test_pretty_output(program: Callable[[str], str]) -> None:
    report = judged(program(QEMU), *BASE, "-qmp-pretty", SOCKET)
    assert_as_listed(report, "QEMU with `-qmp-pretty`", "QEMU 7.2")
    report = judged(*SERVE, "-qmp-pretty", SOCKET)
    assert_as_listed(report, "`qmpeer serve` with `-qmp-pretty`", "QEMU 7.2")
