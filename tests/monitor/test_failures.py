"""Exceptions of handlers and hooks are answered and logged; two kinds end the monitor."""

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from qmpeer.client import Client
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.monitor import Context, Monitor
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE

KINDS = ["sync", "async", "blocking"]
Failure = Callable[[], BaseException]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit("even its text fails")


class Own(BaseException):
    pass


FAILURES: dict[str, Failure] = {
    "cancelled": asyncio.CancelledError,
    "unspeakable": Unspeakable,
    "surrogate": lambda: FileNotFoundError(2, "gone", os.fsdecode(b"/caf\xe9")),
    "bytes": lambda: CommandError("GenericError", b"bytes"),  # type: ignore[arg-type]  # the point
    "unspeakable-desc": lambda: CommandError("GenericError", Unspeakable()),  # type: ignore[arg-type]
    "stop-iteration": lambda: StopIteration(1),
    "stop-async-iteration": StopAsyncIteration,
    "generator-exit": GeneratorExit,
    "own": Own,
    "group": lambda: BaseExceptionGroup("two", [Own(), SystemExit(1)]),
    "memory": MemoryError,
    "recursion": RecursionError,
}
ENDINGS: dict[str, Failure] = {"exit": lambda: SystemExit(3), "interrupt": KeyboardInterrupt}


def table(failures: dict[str, Failure]) -> Any:
    return pytest.mark.parametrize("failure", failures.values(), ids=list(failures))


def failing(kind: str, failure: Failure) -> Callable[[], Any]:
    """Return a handler of this kind that raises."""

    def handler() -> NoReturn:
        raise failure()

    async def slow() -> NoReturn:
        await asyncio.sleep(0)
        raise failure()

    return slow if kind == "async" else handler


def run_line(monitor: Monitor) -> None:
    """Register the QMP command that executes a line."""

    @monitor.command("human-monitor-command")
    def run(command_line: str, *, context: Context) -> str | Awaitable[str]:
        return monitor.run_human(command_line, context)


def errors_in(caplog: pytest.LogCaptureFixture) -> list[type[BaseException] | None]:
    """Return the type of each exception that was logged."""
    return [record.exc_info[0] for record in caplog.records if record.exc_info]


# What is raised is answered


@pytest.mark.parametrize("kind", KINDS)
@table(FAILURES)
async def test_no_exception_ends_the_monitor(
    monitor: Monitor, connect: Connect, kind: str, failure: Failure
) -> None:
    monitor.command("fail", blocking=kind == "blocking")(failing(kind, failure))
    client = await connect()
    answer = await client.execute("fail", id=1)
    assert answer["id"] == 1
    assert answer["error"]["class"] == "GenericError"
    assert "shut down" not in answer["error"]["desc"]
    assert "return" in await client.execute("query-version")


@pytest.mark.parametrize("kind", KINDS)
@table({**FAILURES, **ENDINGS})
async def test_each_is_logged_once(
    monitor: Monitor,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    failure: Failure,
) -> None:
    monitor.command("fail", blocking=kind == "blocking")(failing(kind, failure))
    client = await connect()
    await client.execute("fail")
    if not isinstance(failure(), CommandError):
        assert errors_in(caplog) in (
            [type(failure())],
            [RuntimeError],
        )  # a coroutine's StopIteration
    else:
        assert len(errors_in(caplog)) <= 1


@pytest.mark.parametrize("kind", KINDS)
@table(FAILURES)
async def test_a_line_that_fails_is_answered(
    monitor: Monitor, connect: Connect, tmp_path: Path, kind: str, failure: Failure
) -> None:
    """At a terminal, and through QMP."""
    monitor.human_command("fail", blocking=kind == "blocking")(failing(kind, failure))
    run_line(monitor)
    client = await connect()
    await monitor.listen(tmp_path / "hmp", human=True)
    async with await RawClient.dial(tmp_path / "hmp") as terminal:
        await terminal.receive_bytes(b"(qemu) ")
        terminal.send(b"fail\r")
        assert b"Error: " in await terminal.receive_bytes(b"\r\n(qemu) ")
    answer = await client.execute("human-monitor-command", {"command-line": "fail"})
    assert answer["return"].startswith("Error: ")


async def test_a_line_in_a_program_can_be_cancelled(monitor: Monitor) -> None:
    entered = asyncio.Event()

    @monitor.human_command("wait")
    async def wait() -> None:
        entered.set()
        await asyncio.Event().wait()

    line = monitor.run_human("wait")
    assert not isinstance(line, str)
    task = asyncio.ensure_future(line)
    async with asyncio.timeout(PATIENCE):
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@table(FAILURES)
async def test_a_completion_that_fails_offers_nothing(
    monitor: Monitor, tmp_path: Path, failure: Failure
) -> None:
    @monitor.human_command("eject", complete=lambda words: failing("sync", failure)())
    def eject(device: str) -> str:
        return device

    await monitor.listen(tmp_path / "hmp", human=True)
    async with await RawClient.dial(tmp_path / "hmp") as terminal:
        await terminal.receive_bytes(b"(qemu) ")
        terminal.send(b"eject \tcd0\r")
        assert (await terminal.receive_bytes(b"\r\n(qemu) ")).endswith(b"\r\ncd0")


# What ends the monitor


def is_over(monitor: Monitor, path: Path) -> None:
    """Assert that a started monitor has ended in order."""
    for thread in threading.enumerate():
        if thread.name == f"{monitor.name} monitor":
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert not path.exists()
    assert not monitor.listeners
    assert monitor.connections == 0


@pytest.mark.parametrize("kind", [*KINDS, "oob", "backend"])
@table(ENDINGS)
def test_the_monitor_ends_in_order(path: Path, kind: str, failure: Failure) -> None:
    """The client and another client's running command are answered, then all are disconnected."""

    class Backend:
        def commands(self) -> list[Any]:
            return []

        def execute(self, command: Any, context: Context) -> Any:
            raise failure()

        def subscribe(self, emit: Any) -> None:
            pass

    monitor = Monitor(backend=Backend() if kind == "backend" else None)
    entered = threading.Event()

    @monitor.command("slow")
    async def slow() -> str:
        entered.set()
        while not monitor.ended_by:
            await asyncio.sleep(0)
        return "slow"

    if kind != "backend":
        monitor.command("fail", blocking=kind == "blocking", allow_oob=kind == "oob")(
            failing(kind, failure)
        )
    monitor.start(path, many=True)
    answers: list[object] = []

    def wait() -> None:
        with Client.connect(path, command_timeout=PATIENCE) as other:
            answers.append(other.execute("slow"))
            with pytest.raises(ConnectionClosed):
                other.wait_event("NEVER", timeout=PATIENCE)
            answers.append("closed")

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert entered.wait(PATIENCE)
    with Client.connect(path, command_timeout=PATIENCE) as client:
        with pytest.raises(CommandError, match="Internal error in fail"):
            client.execute("fail", oob=kind == "oob")
        with pytest.raises(ConnectionClosed):
            client.wait_event("NEVER", timeout=PATIENCE)
    waiter.join(PATIENCE)
    assert answers == ["slow", "closed"]
    is_over(monitor, path)
    assert type(monitor.ended_by) is type(failure())


@table(ENDINGS)
async def test_serve_returns(path: Path, failure: Failure) -> None:
    monitor = Monitor()
    monitor.command("fail")(failing("async", failure))
    serving = asyncio.create_task(monitor.serve(path))
    await until(lambda: monitor.listeners)
    async with await RawClient.connect(path) as client:
        assert "error" in await client.execute("fail")
        assert await client.receive_rest() == b""
    async with asyncio.timeout(PATIENCE):
        await serving
    assert type(monitor.ended_by) is type(failure())


@pytest.mark.parametrize("kind", KINDS)
@table(ENDINGS)
def test_a_line_ends_it_too(path: Path, kind: str, failure: Failure) -> None:
    monitor = Monitor()
    monitor.human_command("fail", blocking=kind == "blocking")(failing(kind, failure))
    run_line(monitor)
    monitor.start(path)
    with Client.connect(path, command_timeout=PATIENCE) as client:
        with pytest.raises(CommandError, match="Internal error in human-monitor-command"):
            client.execute("human-monitor-command", {"command-line": "fail"})
        with pytest.raises(ConnectionClosed):
            client.wait_event("NEVER", timeout=PATIENCE)
    is_over(monitor, path)


@table(ENDINGS)
def test_a_completion_ends_it_too(path: Path, failure: Failure) -> None:
    monitor = Monitor()
    monitor.human.kinds["B"] = lambda prefix: failing("sync", failure)()
    monitor.human_command("eject", args="device:B")(lambda device: None)
    monitor.start(path, human=True)

    async def press_tab() -> None:
        async with await RawClient.dial(path) as terminal:
            await terminal.receive_bytes(b"(qemu) ")
            terminal.send(b"eject \t")
            await terminal.receive_rest()

    asyncio.run(press_tab())
    is_over(monitor, path)


@table(ENDINGS)
def test_what_a_program_runs_beside_its_handlers(path: Path, failure: Failure) -> None:
    """A task or a callback on the monitor's own loop ends it in order as well."""
    monitor = Monitor()
    tasks: list[asyncio.Task[Any]] = []

    @monitor.command("go")
    async def go() -> str:
        tasks.append(asyncio.create_task(failing("async", failure)()))
        asyncio.get_running_loop().call_soon(failing("sync", failure))
        await asyncio.wait(tasks)
        return "gone"

    monitor.start(path)
    with Client.connect(path, command_timeout=PATIENCE) as client:
        assert client.execute("go") == "gone"
        with pytest.raises(ConnectionClosed):
            client.wait_event("NEVER", timeout=PATIENCE)
    is_over(monitor, path)
    assert type(tasks[0].exception()) is type(failure())  # asked for, so that asyncio logs nothing


@table(ENDINGS)
def test_it_is_the_programs_too_where_the_program_runs_it(path: Path, failure: Failure) -> None:
    """With handlers in a thread of the program, C-c or sys.exit() ends both."""
    monitor = Monitor()
    works: queue.Queue[Callable[[], None]] = queue.Queue()
    monitor.command("quit")(failing("sync", failure))
    monitor.start(path, call=works.put)
    refused = threading.Event()

    def use() -> None:
        with Client.connect(path, command_timeout=PATIENCE) as client:
            with pytest.raises(CommandError, match="Internal error in quit"):
                client.execute("quit")
            refused.set()

    user = threading.Thread(target=use)
    user.start()
    work = works.get(timeout=PATIENCE)
    with pytest.raises(type(failure())):
        work()
    user.join(PATIENCE)
    assert refused.is_set()
    is_over(monitor, path)


def test_the_log_says_that_it_ends(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor()
    monitor.command("fail")(failing("sync", lambda: SystemExit(3)))
    monitor.start(path)
    with Client.connect(path) as client, pytest.raises(CommandError, match="fail: 3"):
        client.execute("fail")
    is_over(monitor, path)
    texts = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert texts == ["the handler of fail failed", "the monitor ends by SystemExit"]
