"""The watch for what is left open, without pytest around it."""

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpeer import AsyncClient, Client
from qmpeer.testing import scripted_server
from qmpeer.testing.leaks import LeakWatch, leaks_text
from qmpeer.testing.tasks import told_about_tasks
from tests.patience import PATIENCE


class _Holder:
    """Holds a descriptor, and itself: only the garbage collector frees them."""

    def __init__(self) -> None:
        self._itself = self
        self._fd = os.open(os.devnull, os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self._fd)


def test_nothing_is_left() -> None:
    watch = LeakWatch()
    with scripted_server() as server, Client.connect(server.address):
        pass
    asyncio.run(asyncio.sleep(0))
    _Holder()
    watch.body_ended()
    assert watch.leaks() == []


def test_a_connection() -> None:
    watch = LeakWatch(iter([10.0, 12.5]).__next__)
    with scripted_server() as server:
        address = server.address
        Client.connect(address)  # the watch keeps it from the garbage collector
        watch.body_ended()
    (found,) = watch.leaks()
    assert found.startswith(f"connection: Client to {address}, opened at ")
    assert ", 2.50 s after the test began" in found


def test_a_server_that_has_left_is_no_leak() -> None:
    watch = LeakWatch()

    async def body() -> None:
        with scripted_server(allow_unmet=True) as server:
            vm = await AsyncClient.connect(server.address)
            ended = asyncio.create_task(vm.wait_event("NEVER", timeout=PATIENCE))
        with pytest.raises(Exception, match="closed"):
            await ended

    asyncio.run(body())
    watch.body_ended()
    assert watch.leaks() == []


def test_threads(tmp_path: Path) -> None:
    watch = LeakWatch()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="waits")
    thread.start()
    pool = ThreadPoolExecutor(1, "pool")
    pool.submit(len, "").result()
    watch.body_ended()
    try:
        found = watch.leaks()
    finally:
        release.set()
        thread.join()
        pool.shutdown()
    assert [each.partition(",")[0] for each in found] == ["thread: 'waits'", "thread: 'pool_0'"]


def test_descriptors(tmp_path: Path) -> None:
    watch = LeakWatch()
    path = tmp_path / "file"
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    pipe = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    watch.body_ended()
    try:
        found = watch.leaks()
    finally:
        for fd in (file, *pipe):
            os.close(fd)
        port = listener.getsockname()[1]
        listener.close()
    assert [each.partition(", ")[2] for each in found] == [
        f"open on {path}",
        "an end of a pipe",
        "an end of a pipe",
        f"a socket (IPv4) at 127.0.0.1:{port}",
    ]


def test_tasks() -> None:
    told: list[list[str]] = []

    async def poll() -> None:
        await asyncio.sleep(PATIENCE)

    async def body() -> None:
        asyncio.create_task(asyncio.sleep(0))  # noqa: RUF006 - it ends at once
        body.task = asyncio.create_task(poll())  # type: ignore[attr-defined]  # kept

    loop = asyncio.new_event_loop()
    before = loop.create_task(poll())
    loop.run_until_complete(told_about_tasks(body, told.append)())
    assert loop.get_task_factory() is None
    before.cancel()
    body.task.cancel()  # type: ignore[attr-defined]  # as above
    loop.run_until_complete(asyncio.gather(before, body.task, return_exceptions=True))  # type: ignore[attr-defined]  # as above
    loop.close()
    ((found,),) = told
    assert found.startswith("task: test_tasks.<locals>.poll(), created at ")


def test_a_task_that_waits_in_a_library_has_no_line_of_its_own() -> None:
    told: list[list[str]] = []
    tasks: list[asyncio.Task[None]] = []

    async def body() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(PATIENCE)))

    async def run() -> None:
        await told_about_tasks(body, told.append)()
        tasks[0].cancel()

    asyncio.run(run())
    ((found,),) = told
    assert "waits at" not in found
    assert found.endswith("; await it, or cancel it")


def test_many_are_counted() -> None:
    text = leaks_text(["thread: 'a'", *("descriptor: 1" for _ in range(60))])
    first, *_, last = text.splitlines()
    assert first == "the test has left open: 1 thread, 60 descriptors"
    assert last == "  … and 11 more"
