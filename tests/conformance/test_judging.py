"""The judge: which cases it tries, what it says of servers that vanish or are no servers."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.conformance import Level, Outcome, Report, Result, cases, judge
from tests.conformance.bad_servers import good_monitor

NEEDS_BLOCKING = {
    "oob-overtakes", "oob-errors-overtake", "eight-in-flight", "nine-in-flight", "one-at-a-time",
    "reply-to-nobody",
}  # fmt: skip
"""Cases that need a command which blocks; a program of one's own has none that the judge knows."""


def names(results: tuple[Result, ...]) -> set[str]:
    return {result.case.name for result in results}


@pytest.fixture
def good(tmp_path: Path) -> Iterator[str]:
    monitor = good_monitor()
    address = f"unix:{tmp_path}/q"
    monitor.start(address, many=True)
    yield address
    monitor.stop()


def test_our_monitor_keeps_all_rules(good: str) -> None:
    seen = list[Result]()
    report = judge(good, may_change=True, fuzz_inputs=100, on_result=seen.append)
    assert report.failed == (), str(report)
    assert names(report.skipped) == NEEDS_BLOCKING | {"descriptor", "after-quit"}
    assert seen == list(report.results)
    assert len(report.passed) > 110


def test_nothing_is_changed_without_leave(good: str) -> None:
    report = judge(good, pattern="quit|event|descriptor")
    assert names(report.passed) == {"descriptor-that-nobody-takes"}
    assert {result.found for result in report.skipped} == {
        "it changes the machine, which needs --may-change (may_change=True)"
    }


def test_names_are_unique_and_rules_are_rules() -> None:
    for suite in ("server", "agent"):
        listed = cases(suite)
        assert len({case.name for case in listed}) == len(listed)
        for case in listed:
            assert case.rule[0] == "R"
            assert 1 <= int(case.rule[1:]) <= 53
            assert case.title.isascii()
            assert (
                case.title[0].islower() or not case.title[0].isalpha() or case.title[:2].isupper()
            )


def test_levels_and_patterns() -> None:
    count = [len(cases("server", level)) for level in Level]
    assert count == sorted(count)
    assert len(set(count)) == 3
    assert {case.rule for case in cases(pattern="R12")} == {"R12"}
    assert [case.name for case in cases(pattern="^quit$")] == ["quit"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "expected an address or a command"),
        ({"address": "unix:/p", "command": ["x"]}, "expected an address or a command"),
        ({"address": "unix:/p", "pattern": "("}, "expected a pattern"),
        ({"address": "unix:/p", "pattern": "zz"}, "found no case for 'zz'"),
        ({"address": "unix:/p", "suite": "clients"}, "expected server or agent"),
        ({"address": "fd:0"}, "to which many connections can be made"),
        ({"command": ["server"]}, "found no {address} and no {path}"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(").replace("{", r"\{")):
        judge(**arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_a_program_that_does_not_start() -> None:
    source = "import sys; sys.exit('no such option')"
    with pytest.raises(OSError, match=r"ended with 1: no such option"):
        judge(command=[sys.executable, "-c", source, "{path}"])
    with pytest.raises(FileNotFoundError):
        judge(command=["/nonexistent/server", "{path}"])


def serving(path: Path, serve: Callable[[socket.socket], object], clients: int) -> threading.Thread:
    """Start a server that serves so many clients, and then listens no more."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        with listener:
            for _ in range(clients):
                client, _ = listener.accept()
                with client:
                    serve(client)
        path.unlink()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    thread = serving(tmp_path / "q", lambda client: client.recv(1 << 16), 1)
    with pytest.raises(TimeoutError, match=r"neither a greeting nor a reply.*--agent"):
        judge(tmp_path / "q", timeout=0.1)
    thread.join()


def test_a_server_that_vanishes(tmp_path: Path) -> None:
    """The case that it didn't survive has failed; the others can't be tried."""

    def greet(client: socket.socket) -> None:
        client.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
        while client.recv(1 << 16):
            client.sendall(b'{"return": {}}\r\n')

    thread = serving(tmp_path / "q", greet, 2)
    report = judge(tmp_path / "q", level=Level.MUST, timeout=0.2)
    thread.join()
    assert names(report.failed) >= {"output-is-ascii"}
    rest = [result for result in report.results if result.outcome is Outcome.SKIPPED]
    assert len(rest) > 40
    assert all("since the case" in result.found or "may-change" in result.found for result in rest)


PROGRAM = """
import signal, sys
from qmpeer import Monitor
monitor = Monitor(name="program", version=(1, 2, 3))
@monitor.command("quit")
def quit() -> None:
    monitor.shutdown()
    ENDS.set()
import threading
ENDS = threading.Event()
monitor.start(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *about: ENDS.set())
ENDS.wait()
monitor.stop()
"""


def test_a_program_is_started_anew() -> None:
    words = [sys.executable, "-c", PROGRAM, "{address}"]
    report = judge(command=words, pattern="^greeting$|quit", may_change=True)
    assert names(report.passed) == {"greeting", "quit", "after-quit"}, str(report)


def test_what_is_reported(good: str) -> None:
    report: Report = judge(good, pattern="^greeting$")
    assert (report.suite, report.target) == ("server", good)
    assert report.seconds > 0
