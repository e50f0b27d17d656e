"""Many clients at once: the cost of an idle one, and running out of descriptors."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.listening import until_listening
from tests.monitor.conftest import LOOPS
from tests.monitor.raw_client import RawClient, until
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
THOUSAND = 1_000
FIRST = 300
DESCRIPTORS = FIRST + THOUSAND + 200
BYTES_A_CLIENT = 8 * 1024

Start = Callable[..., "tuple[str, subprocess.Popen[str]]"]


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """Raise this process's limit to a descriptor per client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{wanted} descriptors are needed, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def start() -> Iterator[Start]:
    processes = []

    def start(
        kind: str, address: str | Path, descriptors: int = DESCRIPTORS
    ) -> tuple[str, subprocess.Popen[str]]:
        argv = [sys.executable, "-m", "tests.faults.crowded_monitor", kind, str(address)]
        process = subprocess.Popen(
            [*argv, str(descriptors)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip(), process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


async def crowd(address: str, count: int) -> list[RawClient]:
    clients: list[RawClient] = []
    while len(clients) < count:
        few = range(min(100, count - len(clients)))
        clients += await asyncio.gather(*(RawClient.connect(address, oob=True) for _ in few))
    return clients


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("count", [300, pytest.param(THOUSAND, marks=pytest.mark.slow)])
def test_a_crowd(
    start: Start,
    path: Path,
    kind: str,
    scheme: str,
    count: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each client negotiates, runs a command and gets an event; an idle one takes little memory."""

    warm = FIRST * count // THOUSAND

    async def scenario() -> None:
        address, process = start(kind, path if scheme == "unix" else "tcp:127.0.0.1:0")
        first = await RawClient.connect(address)
        # The first clients use memory that the process has free already, which would improve the
        # figure.
        clients = await crowd(address, warm)
        before = await memory(first, connections=warm + 1)
        clients += await crowd(address, count)
        after = await memory(first, connections=warm + count + 1)
        cost = (after - before) / count
        with capsys.disabled():
            print(f"\n    {kind}, {scheme}: {cost:.0f} bytes for each idle client", end=" ")
        assert cost <= BYTES_A_CLIENT

        for client in clients:
            client.send({"execute": "query-version", "id": 1})
        for client in clients:
            assert (await client.receive())["id"] == 1
        first.send({"execute": "announce"})
        for client in (*clients, first):
            assert (await client.receive())["data"] == {"n": warm + count + 1}
        assert await first.receive() == {"return": {}}
        for client in clients:
            client.close()
        await memory(first, connections=1)
        await first.execute("quit")
        assert await first.receive_rest() == b""
        first.close()
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "", "")

    asyncio.run(scenario())


async def memory(client: RawClient, connections: int) -> int:
    async with asyncio.timeout(PATIENCE):
        while True:
            found: dict[str, Any] = (await client.execute("query-memory"))["return"]
            if found["connections"] == connections:
                return int(found["resident"])


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
@pytest.mark.parametrize("kind", LOOPS)
def test_no_descriptors_left(start: Start, path: Path, kind: str, scheme: str) -> None:
    """Connected clients are served, others are accepted when there is room; one line is logged."""

    async def scenario() -> None:
        address, process = start(kind, path if scheme == "unix" else "tcp:127.0.0.1:0", 40)
        first = await RawClient.connect(address)
        others = [await RawClient.dial(address) for _ in range(60)]
        greeted = 0
        while greeted < 15:
            answer = await first.execute("query-memory")
            greeted = answer["return"]["connections"] if "return" in answer else 15
        assert process.stderr is not None
        line = await asyncio.to_thread(process.stderr.readline)
        assert "can be accepted" in line
        assert "return" in await first.execute("query-version")
        waiting = [client for client in others if client.is_silent()]
        assert len(waiting) >= 20
        for client in others:
            if client not in waiting:
                client.close()
        await asyncio.gather(*(client.begin() for client in waiting[:20]))
        assert "return" in await first.execute("query-version")
        for client in (first, *others):
            client.close()
        process.kill()
        assert process.stderr.read().count("can be accepted") <= 2

    asyncio.run(scenario())


def test_descriptors_allow_fewer(start: Start, path: Path) -> None:
    """Some descriptors are reserved for the process; a client is accepted when one leaves."""
    descriptors, allowed = 130, 66

    async def scenario() -> None:
        address, process = start("asyncio", path, descriptors)
        first = await RawClient.connect(address)
        others = [await RawClient.dial(address) for _ in range(allowed)]
        assert process.stderr is not None
        line = await asyncio.to_thread(process.stderr.readline)
        assert line.endswith(f"has {allowed} clients, others wait until one leaves\n")
        await memory(first, connections=allowed)
        assert others[-1].is_silent()
        others[0].close()
        await others[-1].begin()
        for client in (first, *others):
            client.close()
        process.kill()
        assert process.stderr.read() == ""

    asyncio.run(scenario())


def test_serve_raises_the_limit_of_descriptors(path: Path) -> None:
    """The limit is raised to what the clients need, for the whole process."""
    program = (
        "import asyncio, resource, sys\n"
        "from qmpeer import Monitor\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))\n"
        "monitor = Monitor()\n"
        "limit = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n"
        "monitor.command('query-limit')(limit)\n"
        "asyncio.run(monitor.serve(sys.argv[1], many=True, max_clients=300))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)])

    async def scenario() -> None:
        until_listening(path, process)
        clients = await crowd(str(path), 300)
        assert await clients[0].execute("query-limit") == {"return": 364}
        for client in clients:
            client.close()

    try:
        asyncio.run(scenario())
    finally:
        process.kill()
        process.wait(PATIENCE)


async def test_a_thousand_clients_that_come_and_go(monitor: Any, path: Path) -> None:
    await monitor.listen(path, many=True)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(THOUSAND):
        (await RawClient.dial(path)).close()
        await asyncio.sleep(0)
    await until(lambda: monitor.connections == 0)
    async with await RawClient.connect(path) as client:
        assert "return" in await client.execute("query-version")
    await until(lambda: monitor.connections == 0)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
