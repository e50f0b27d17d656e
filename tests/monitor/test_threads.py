"""Beside a blocking main loop: start, stop, and handlers in a thread of the caller's choice."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.client import Client
from qmpeer.errors import CommandError
from qmpeer.monitor import Monitor
from tests.patience import PATIENCE


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    monitor = Monitor(name="threads", version=(7, 2, 0))
    yield monitor
    monitor.stop()


def test_start_and_stop(monitor: Monitor, path: Path) -> None:
    monitor.command("thread")(lambda: threading.current_thread().name)
    monitor.start(path, "tcp:127.0.0.1:0", many=True)
    for listener in monitor.listeners:
        with Client.connect(listener.address) as client:
            assert client.execute("thread") == "threads monitor"
            mark = client.event_mark()
            monitor.emit("STOP")
            assert client.wait_event("STOP", since=mark, timeout=PATIENCE).name == "STOP"
    assert path.exists()
    monitor.stop()
    assert not path.exists()
    assert "threads monitor" not in [thread.name for thread in threading.enumerate()]
    monitor.stop()
    monitor.emit("STOP")
    monitor.shutdown()


def test_starting_twice(monitor: Monitor, path: Path) -> None:
    monitor.start(path)
    with pytest.raises(RuntimeError, match="started before"):
        monitor.start("tcp:127.0.0.1:0")


def test_an_address_that_cannot_be_had(monitor: Monitor, path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        monitor.start(path, f"tcp:127.0.0.1:{taken.getsockname()[1]}")
    monitor.stop()
    assert not path.exists()
    assert not monitor.listeners


def test_an_address_that_is_none(monitor: Monitor) -> None:
    with pytest.raises(ValueError, match="nope"):
        monitor.start("nope://x")


def test_stop_without_start(monitor: Monitor) -> None:
    monitor.stop()


def test_stop_in_a_handler(monitor: Monitor, path: Path) -> None:
    monitor.command("quit")(monitor.stop)
    monitor.start(path)
    with Client.connect(path) as client:
        assert client.execute("quit") == {}
    monitor.stop()
    assert not path.exists()


class MainLoop:
    """A main loop that calls functions in the thread of its run()."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()

    def run(self) -> None:
        while (job := self.jobs.get(timeout=PATIENCE)) is not None:
            job()


def test_handlers_run_where_the_caller_says(monitor: Monitor, path: Path) -> None:
    main = MainLoop()
    threads: dict[str, int] = {}

    def note(name: str) -> None:
        threads[name] = threading.get_ident()
        monitor.emit(name.upper())

    @monitor.command("sync")
    def sync(a: int = 0) -> int:
        note("sync")
        return a

    @monitor.command("oob", allow_oob=True)
    def oob() -> None:
        note("oob")

    @monitor.command("blocking", blocking=True)
    def blocking() -> None:
        note("blocking")

    @monitor.command("async")
    async def slow() -> None:
        note("async")

    @monitor.command("fail")
    def fail() -> None:
        raise CommandError("DeviceNotFound", "none")

    monitor.start(path, call=main.jobs.put)
    failures: list[BaseException] = []

    def use() -> None:
        try:
            with Client.connect(path, command_timeout=PATIENCE) as client:
                mark = client.event_mark()
                assert client.execute("sync", {"a": 5}) == 5
                assert client.execute("oob", oob=True) == {}
                assert client.execute("oob") == {}
                assert client.execute("blocking") == {}
                assert client.execute("async") == {}
                with pytest.raises(CommandError, match="none"):
                    client.execute("fail")
                with pytest.raises(CommandError, match="is unexpected"):
                    client.execute("sync", {"b": 1})
                for name in ("SYNC", "OOB", "OOB", "BLOCKING", "ASYNC"):
                    event = client.wait_event(since=mark, timeout=0)
                    mark = event.number
                    assert event.name == name
        except BaseException as failure:
            failures.append(failure)
        finally:
            main.jobs.put(None)

    user = threading.Thread(target=use)
    user.start()
    main.run()
    user.join(PATIENCE)
    assert not failures
    assert threads.pop("async") not in (threading.get_ident(), None)
    assert set(threads.values()) == {threading.get_ident()}
    assert set(threads) == {"sync", "oob", "blocking"}


def test_an_out_of_band_command_lets_nobody_overtake(monitor: Monitor, path: Path) -> None:
    """With handlers in one thread, each in-band command still waits for the previous one."""
    jobs: queue.Queue[Callable[[], None]] = queue.Queue()
    for name in ("one", "two"):
        monitor.command(name)(lambda: None)
    monitor.command("oob", allow_oob=True)(lambda: None)
    monitor.start(path, call=jobs.put)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(
            b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}'
            b'{"execute":"one","id":1}{"execute":"two","id":2}{"exec-oob":"oob","id":3}'
        )
        one, oob = jobs.get(timeout=PATIENCE), jobs.get(timeout=PATIENCE)
        oob()
        replies = sock.makefile("rb")
        assert [b"id" in replies.readline() for _ in range(2)] == [False, False]
        assert b'"id": 3' in replies.readline()
        assert jobs.empty()
        one()
        assert b'"id": 1' in replies.readline()
        jobs.get(timeout=PATIENCE)()
        assert b'"id": 2' in replies.readline()
        replies.close()


def test_a_main_loop_that_refuses(monitor: Monitor, path: Path) -> None:
    def refuse(job: Callable[[], None]) -> None:
        raise RuntimeError("the main loop has ended")

    @monitor.command("async")
    async def slow() -> int:
        return 1

    monitor.command("sync")(lambda: None)
    monitor.start(path, call=refuse)
    with Client.connect(path) as client:
        with pytest.raises(CommandError, match="has ended"):
            client.execute("sync", timeout=PATIENCE)
        assert client.execute("async", timeout=PATIENCE) == 1
