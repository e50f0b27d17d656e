"""The judge of a client: all cases, several at once, each with a server of its own."""

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from qmpeer import limits
from qmpeer.conformance.clients.case import ClientCase
from qmpeer.conformance.clients.conversation import Record
from qmpeer.conformance.clients.faulty_cases import FAULTY_CASES
from qmpeer.conformance.clients.legal_cases import LEGAL_CASES, ORDINARY
from qmpeer.conformance.clients.odd_server import Machines, Target, lateness, serving
from qmpeer.conformance.clients.program import Ending, command_words, is_for_tcp, run_program
from qmpeer.conformance.clients.verdict import judged
from qmpeer.conformance.report import Report
from qmpeer.conformance.results import Case, Level, Outcome, Result

CLIENT_CASES: tuple[ClientCase, ...] = (*LEGAL_CASES, *FAULTY_CASES)
"""All cases of the client suite."""

RunClient: TypeAlias = Callable[[Target], Awaitable[Ending]]
"""Runs a client with a server until it ends."""


def chosen_cases(level: Level = Level.AS_QEMU, pattern: str = "") -> tuple[ClientCase, ...]:
    """Return the cases of a choice; the arguments and errors are those of `judge_client`."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"found {pattern!r}, expected a pattern: {error}") from None
    return tuple(
        case
        for case in CLIENT_CASES
        if level.includes(case.case.level)
        and (expression.search(case.case.name) or pattern == case.case.rule)
    )


def client_cases(level: Level = Level.AS_QEMU, pattern: str = "") -> tuple[Case, ...]:
    """Return the cases of the client suite, in the order in which they are tried.

    The rule of a case is ``legal`` or ``faulty``, as its server is. The arguments and errors are
    those of `judge_client`.
    """
    return tuple(case.case for case in chosen_cases(level, pattern))


def judge_client(
    command: str,
    *,
    level: Level = Level.AS_QEMU,
    pattern: str = "",
    timeout: float = limits.JUDGED_TIMEOUT,
    memory: int = limits.JUDGED_MEMORY,
    jobs: int = limits.JUDGED_AT_ONCE,
    expect: str = "",
    on_result: Callable[[Result], None] | None = None,
) -> Report:
    """Judge a client program: start it once for each case, with a server of its own.

    It must send at least one command after the negotiation. With a legal server it must end with
    status 0 after the reply. With a faulty one, and with a legal one that refuses the command, it
    must end with another status. It must always end in time, and keep to the memory limit.

    An ordinary server comes first, even if it isn't among the cases. A client that fails there
    isn't tried with any other, and the report says so.

    Args:
        command: Its command line, split into words as a shell does. ``{address}``, ``{path}``,
            ``{host}`` and ``{port}`` stand for the server's address. It is on TCP if ``{host}`` or
            ``{port}`` is there, else it is a unix socket. The environment has it as
            ``QMP_ADDRESS``.
        level: The weakest level of the cases to try.
        pattern: Try only cases whose name matches this regular expression, or whose rule it is.
        timeout: Seconds in which the client must end.
        memory: The bytes of memory that it and its children may use; checked on Linux only.
        jobs: The cases that run at once.
        expect: A text that is in the output of a client that succeeds.
        on_result: Called with each result as soon as it is there.

    Raises:
        OSError: If the client can't be started.
        ValueError: If the command is empty or has an open quote, or for a pattern that is malformed
            or finds nothing.
    """
    cases = chosen_cases(level, pattern)
    if not cases:
        raise ValueError(f"found no case for {pattern!r}, expected a part of a name, or a rule")
    words = command_words(command)
    run = partial(run_program, words, timeout=timeout, memory=memory)
    begin = time.monotonic()
    results = asyncio.run(
        judge(
            run,
            cases,
            is_tcp=is_for_tcp(words),
            jobs=jobs,
            expect=expect,
            on_result=on_result,
        )
    )
    return Report("client", command, tuple(results), time.monotonic() - begin)


async def judge(
    run: RunClient,
    cases: Sequence[ClientCase],
    *,
    is_tcp: bool = False,
    jobs: int = limits.JUDGED_AT_ONCE,
    expect: str = "",
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Judge a client that a function runs; see `judge_client`."""
    with tempfile.TemporaryDirectory(prefix="qmpeer-") as folder:
        bench = _Bench(run, Path(folder), expect.encode(), is_tcp=is_tcp)
        try:
            return await bench.results(cases, jobs, on_result or _ignore)
        finally:
            bench.close()


def _ignore(result: Result) -> None:
    """Take no notice of a result."""


class _Bench:
    """A client, and the machines behind the servers that it meets."""

    def __init__(self, run: RunClient, folder: Path, text: bytes, *, is_tcp: bool) -> None:
        self._run = run
        self._folder = folder
        self._text = text
        self._is_tcp = is_tcp
        self._machines = Machines()
        self._late = lateness(0)

    async def results(
        self, cases: Sequence[ClientCase], jobs: int, on_result: Callable[[Result], None]
    ) -> list[Result]:
        ordinary = await self._result(ORDINARY)
        self._late = lateness(ordinary.seconds)
        turns = asyncio.Semaphore(jobs)

        async def tried(case: ClientCase) -> Result:
            if case is ORDINARY:
                result = ordinary
            elif ordinary.outcome is Outcome.FAILED:
                found = f"the client fails with an ordinary server: {ordinary.found}"
                result = Result(case.case, Outcome.SKIPPED, found=found)
            else:
                async with turns:
                    result = await self._tried(case)
            on_result(result)
            return result

        if ordinary.outcome is not Outcome.FAILED:
            self._machines.prepare(min(jobs, len(cases)))
        elif ORDINARY not in cases:
            cases = (ORDINARY, *cases)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(tried(case)) for case in cases]
        return [task.result() for task in tasks]

    async def _tried(self, case: ClientCase) -> Result:
        """Return a case's result, even if the system can't start one more process."""
        try:
            return await self._result(case)
        except OSError as error:
            found = f"it can't be started: {error.strerror or error}"
            return Result(case.case, Outcome.FAILED, expected="a client that starts", found=found)

    async def _result(self, case: ClientCase) -> Result:
        record = Record()
        machine = self._machines.take()
        try:
            async with serving(
                case, machine, record, self._folder, late=self._late, is_tcp=self._is_tcp
            ) as target:
                ending = await self._run(target)
        finally:
            self._machines.give_back(machine, record)
        return judged(case, record, ending, self._text)

    def close(self) -> None:
        self._machines.close()
