"""Clients before the client suite: ours pass, mistaken ones are caught by the case for it.

Modules: clients.judge, clients.odd_server, clients.odd_stream, clients.case, clients.verdict,
clients.legal_cases, clients.faulty_cases.
"""

import asyncio
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpeer.conformance import Level, Outcome, Result, client_cases, judge_client
from qmpeer.conformance.clients.case import ClientCase, Duty
from qmpeer.conformance.clients.judge import CLIENT_CASES, RunClient, judge
from qmpeer.conformance.clients.odd_server import Target
from qmpeer.conformance.clients.program import Ending
from tests.conformance.judged import Naive, asyncio_client, blocking_client
from tests.patience import PATIENCE

BY_NAME = {case.case.name: case for case in CLIENT_CASES}
LARGE = {"endless-string", "endless-list", "oversized-reply", "10-mib"}
"""The cases that cost a second of processor time: with processes only."""
LIGHT = [case for case in CLIENT_CASES if case.case.name not in LARGE]
DEADLINE = 2.0
PROGRAMS = Path(__file__).parents[1] / "interop" / "clients"


def judged(run: RunClient, *cases: ClientCase, jobs: int = 16) -> dict[str, Result]:
    return {result.case.name: result for result in asyncio.run(judge(run, cases, jobs=jobs))}


def failures(results: dict[str, Result]) -> dict[str, str]:
    return {
        name: f"{result.outcome.value}: {result.found}"
        for name, result in results.items()
        if result.outcome is not Outcome.PASSED
    }


# The table


def test_names_and_titles() -> None:
    assert len(BY_NAME) == len(CLIENT_CASES)
    for case in CLIENT_CASES:
        assert re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", case.case.name), case
        assert not case.case.title.endswith("."), case
        assert len(case.case.title) < 90


def test_there_are_thirty_legal_servers_and_twenty_faulty_ones() -> None:
    kinds = Counter(case.case.rule for case in CLIENT_CASES)
    assert set(kinds) == {"legal", "faulty"}
    assert kinds["legal"] >= 30
    assert kinds["faulty"] >= 20
    assert all(case.duty is not Duty.SUCCEED for case in CLIENT_CASES if case.case.rule == "faulty")
    assert {case.case.level for case in CLIENT_CASES} == set(Level)


def test_a_choice() -> None:
    assert len(client_cases()) == len(CLIENT_CASES)
    assert {case.level for case in client_cases(Level.MUST)} == {Level.MUST}
    assert [case.name for case in client_cases(pattern="^refused")] == [
        "refused-negotiation",
        "refused",
    ]
    assert {case.rule for case in client_cases(pattern="faulty")} == {"faulty"}


@pytest.mark.parametrize("pattern", ["no such case", "("])
def test_a_choice_of_nothing(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected a pa"):
        judge_client("true", pattern=pattern)


# Our clients


LEGAL = [case for case in LIGHT if case.duty is Duty.SUCCEED]
ENDING = [case for case in LIGHT if case.duty is not Duty.SUCCEED]
SILENT = {
    "refused",
    "no-socket",
    "silent-after-connect",
    "half-a-greeting",
    "garbage-greeting",
    "silent-in-negotiation",
    "silent-after-command",
    "events-without-reply",
    "blanks-without-reply",
    "half-a-reply",
    "dripping-reply",
    "garbage-reply",
    "greeting-again",
    "other-id",
    "no-id",
}
"""The cases that only a client's deadline ends."""
TELLING = [case for case in ENDING if case.case.name not in SILENT]
WAITING = [case for case in ENDING if case.case.name in SILENT]


@pytest.mark.parametrize(
    ("cases", "deadline"),
    [(LEGAL, PATIENCE), (TELLING, PATIENCE), (WAITING, DEADLINE)],
    ids=["legal", "telling", "waiting"],
)
def test_our_asyncio_client(cases: list[ClientCase], deadline: float) -> None:
    assert not failures(judged(asyncio_client(deadline), *cases))


@pytest.mark.parametrize(
    ("cases", "deadline"),
    [(LEGAL, PATIENCE), (TELLING, PATIENCE), (WAITING, DEADLINE)],
    ids=["legal", "telling", "waiting"],
)
def test_our_blocking_client(cases: list[ClientCase], deadline: float) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert not failures(judged(blocking_client(deadline, threads), *cases))


# Others


MISTAKES = {
    "pretty": (Naive(), "pretty", "Expecting"),
    "status of an error": (Naive(sees_errors=False), "error", "it ended with status 0"),
    "any id": (Naive(matches_ids=False), "other-id", "it ended with status 0"),
    "single quotes": (
        Naive(command=b"{'execute': 'query-status', 'id': 1}\n"),
        "ordinary",
        "which QEMU reads but which isn't JSON",
    ),
    "oob that isn't offered": (
        Naive(b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}\n'),
        "no-capabilities",
        "the client enabled 'oob', which wasn't offered",
    ),
    "no command": (Naive(command=b""), "ordinary", "no command of it was answered"),
    "no negotiation": (
        Naive(b"", sees_errors=False),
        "ordinary",
        "the client sent query-status before qmp_capabilities",
    ),
    "negotiation twice": (
        Naive(command=b'{"execute": "qmp_capabilities"}{"execute": "query-status", "id": 1}\n'),
        "ordinary",
        "the client sent qmp_capabilities a second time",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_caught_by_its_case(mistake: str) -> None:
    client, name, found = MISTAKES[mistake]
    result = judged(client, BY_NAME[name])[name]
    assert result.outcome is Outcome.FAILED
    assert found in result.found
    assert result.expected


def test_a_client_without_ids_is_not_judged_by_them() -> None:
    client = Naive(command=b'{"execute": "query-status"}\n', matches_ids=False)
    names = ("other-id", "no-id", "stale-reply")
    results = judged(client, *(BY_NAME[name] for name in names))
    assert failures(results) == dict.fromkeys(names, "skipped: the client's commands have no id")


def test_a_client_that_fails_with_an_ordinary_server_meets_no_other() -> None:
    met: list[Target] = []

    async def run(target: Target) -> Ending:
        met.append(target)
        return Ending(1, errors=b"Traceback\nNameError: x\n  at the end\n")

    results = judged(run, BY_NAME["pretty"], BY_NAME["refused"])
    assert len(met) == 1
    assert list(results) == ["ordinary", "pretty", "refused"]
    assert results["ordinary"].found == "it ended with status 1: NameError: x"
    assert {result.outcome for name, result in results.items() if name != "ordinary"} == {
        Outcome.SKIPPED
    }


def test_a_client_that_gives_up_too_early_has_not_survived() -> None:
    async def run(target: Target) -> Ending:
        if target.path.endswith("/ordinary"):
            return await Naive()(target)
        return Ending(1)

    result = judged(run, BY_NAME["cut-in-reply"])["cut-in-reply"]
    assert result.found == "it ended with status 1 before anything was wrong"


def test_what_was_said_is_kept() -> None:
    result = judged(Naive(sees_errors=False), BY_NAME["error"])["error"]
    assert b"not now" in result.sent
    assert result.received.startswith(b'{"execute": "qmp_capabilities"}')


# Programs


def command(program: str) -> str:
    return f"'{sys.executable}' '{PROGRAMS / program}' {{address}}"


def test_a_program() -> None:
    pattern = "^(ordinary|one-packet|closed-after-command)$"
    report = judge_client(command("ours.py"), pattern=pattern, timeout=PATIENCE, expect="running")
    assert [result.outcome for result in report.results] == [Outcome.PASSED] * 3, str(report)
    assert report.suite == "client"


def test_a_program_on_tcp_without_the_expected_text() -> None:
    program = command("ours.py").replace("{address}", "tcp:{host}:{port}")
    report = judge_client(program, pattern="^ordinary$", timeout=PATIENCE, expect="paused")
    assert report.results[0].found == "'paused' isn't in its output"


def test_a_program_that_cannot_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        judge_client("/nonexistent/client {address}")


@pytest.mark.slow
@pytest.mark.parametrize("address", ["{address}", "tcp:{host}:{port}"], ids=["unix", "tcp"])
@pytest.mark.parametrize("program", ["ours.py", "ours_async.py"])
def test_our_clients_as_programs(program: str, address: str) -> None:
    client = command(program).replace("{address}", address)
    report = judge_client(client, timeout=PATIENCE)
    assert not report.failed, str(report)
    assert not report.skipped
