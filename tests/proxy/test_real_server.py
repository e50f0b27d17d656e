"""A real QEMU that is killed or stopped behind the proxy, and a proxy and clients that are killed.

Modules: hub, multiplexer, server_connection, server_link, texts.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from qmpeer import AsyncClient, limits
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.proxy import Proxy
from qmpeer.values import JsonObject
from tests.patience import PATIENCE
from tests.proxy.proxied import error_of, until
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

LOST, BACK = "__QMPEER_SERVER_LOST", "__QMPEER_SERVER_BACK"


class Qemu:
    """A real QEMU with a monitor, which can be started again."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        monitor = f"unix:{self._folder}/server,server=on,wait=off"
        argv = [self._program, *BASE, "-S", "-qmp", monitor, *options]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)


@pytest.fixture
def qemu(program: Callable[[str], str], tmp_path: Path) -> Iterator[Qemu]:
    """A QEMU that listens at the path "server" of the test's folder."""
    made = Qemu(program(QEMU), tmp_path)
    made.start()
    yield made
    made.end()


@asynccontextmanager
async def proxy_at(folder: Path, **options: Any) -> AsyncIterator[Proxy]:
    async with Proxy(f"unix:{folder}/server", wait_for_socket=True, **options) as proxy:
        await proxy.listen(f"unix:{folder}/proxy")
        yield proxy


@asynccontextmanager
async def clients_of(folder: Path, number: int) -> AsyncIterator[list[AsyncClient]]:
    clients = [await AsyncClient.connect(f"unix:{folder}/proxy") for _ in range(number)]
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


def blocker(folder: Path) -> JsonObject:
    """Return the arguments of a blockdev-add that doesn't end before `blocked` is over."""
    os.mkfifo(folder / "fifo")
    image: JsonObject = {"driver": "null-co", "read-zeroes": True}
    return {
        "driver": "blkdebug",
        "node-name": "n",
        "config": f"{folder}/fifo",
        "image": image,
    }


@asynccontextmanager
async def blocked(folder: Path) -> AsyncIterator[None]:
    """Wait until QEMU executes that command; let it go on at the end.

    QEMU reads the FIFO to its end. Without that command, nobody reads it and it can't be opened.
    """
    fds: list[int] = []

    def can_open() -> bool:
        try:
            fds.append(os.open(folder / "fifo", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    await until(can_open)
    try:
        yield
    finally:
        os.close(fds[0])


async def outcome(reply: Any) -> str:
    """Return how a command ended, and how the proxy's error begins."""
    try:
        await reply
    except CommandError as error:
        return "unknown" if "unknown" in str(error) else "not sent"
    except (CommandInterrupted, ConnectionClosed):
        return "cut off"
    return "done"


# --- QEMU is killed


async def test_sigkill_of_qemu(qemu: Qemu, tmp_path: Path) -> None:
    """What was sent has an unknown outcome, what was queued wasn't sent; nobody waits for more."""
    async with proxy_at(tmp_path, window=2) as proxy, clients_of(tmp_path, 3) as clients:
        assert (await clients[0].execute("query-status"))["status"] == "prelaunch"
        blocking = clients[0].execute("blockdev-add", blocker(tmp_path))
        async with blocked(tmp_path):
            replies = [each.execute("query-name") for each in clients for _ in range(10)]
            urgent = [clients[1].execute("query-yank", oob=True) for _ in range(3)]
            yank = [{"type": "chardev", "id": "compat_monitor0"}]
            assert await asyncio.gather(*urgent) == [yank] * 3
            assert not any(each.done() for each in replies)
            await until(lambda: proxy._hub._multiplexer.in_flight == 2)
            qemu.signal(signal.SIGKILL)
            outcomes = [await outcome(each) for each in (blocking, *replies)]
        assert outcomes[0] == "unknown"
        assert sorted(outcomes[1:]) == ["not sent"] * 29 + ["unknown"]
        await proxy.wait_closed()
        assert not proxy.is_orderly_end


async def test_sigkill_of_qemu_and_another_one(qemu: Qemu, tmp_path: Path) -> None:
    async with (
        proxy_at(tmp_path, reconnect=True) as proxy,
        clients_of(tmp_path, 3) as clients,
    ):
        marks = [await each.event_mark() for each in clients]
        blocking = clients[0].execute("blockdev-add", blocker(tmp_path))
        async with blocked(tmp_path):
            qemu.signal(signal.SIGKILL)
            assert await outcome(blocking) == "unknown"
        assert not proxy.is_connected
        waiting = [each.execute("query-block") for each in clients]
        waiting += [each.execute("query-yank", oob=True) for each in clients]
        qemu.end()
        qemu.start()
        for client, mark in zip(clients, marks, strict=True):
            await client.wait_event(LOST, since=mark)
            back = await client.wait_event(BACK, since=mark)
            assert back.data["same-version"] is True
        replies = await asyncio.gather(*waiting)
        assert replies[:3] == [[]] * 3
        assert all(replies[3:])


KINDS = {"query-status": dict, "query-version": dict, "query-qmp-schema": list, "query-yank": list}


@pytest.mark.slow
@pytest.mark.parametrize("when_down", ["wait", "fail"])
async def test_qemu_is_killed_again_and_again(
    qemu: Qemu,
    tmp_path: Path,
    when_down: Literal["wait", "fail"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six busy clients get one answer to each command, and nothing is left over in the proxy."""
    monkeypatch.setattr(limits, "RECONNECT_DELAY_MOST", 0.05)
    randomness = random.Random(17)
    is_over = False
    outcomes: Counter[str] = Counter()

    async def ask(client: AsyncClient) -> None:
        name = randomness.choice([*KINDS])
        try:
            value = await client.execute(name, oob=name == "query-yank")
        except CommandError as error:
            text = str(error)
            is_right = "connection to the server has ended" in text
            outcomes[("unknown" if "unknown" in text else "not sent") if is_right else text] += 1
        else:
            outcomes["done"] += 1
            assert type(value) is KINDS[name]

    async def be_busy(client: AsyncClient) -> None:
        while not is_over:
            await asyncio.gather(*(ask(client) for _ in range(randomness.randrange(1, 40))))
            await asyncio.sleep(0.001)

    async with (
        proxy_at(tmp_path, reconnect=True, when_down=when_down) as proxy,
        clients_of(tmp_path, 6) as clients,
    ):
        tasks = [asyncio.create_task(be_busy(client)) for client in clients]
        for _ in range(20):
            await asyncio.sleep(0.2 * randomness.random())
            qemu.end()
            await until(lambda: not proxy.is_connected)
            qemu.start()
            await until(lambda: proxy.is_connected)
        is_over = True
        await asyncio.gather(*tasks)
        hub = proxy._hub
        assert (hub._multiplexer.in_flight, len(hub._deadlines._requests), len(hub._held)) == (
            0,
            0,
            0,
        )
    assert set(outcomes) == {"done", "unknown", "not sent"}


async def test_an_orderly_end_of_qemu(qemu: Qemu, tmp_path: Path) -> None:
    async with proxy_at(tmp_path) as proxy, clients_of(tmp_path, 2) as clients:
        mark = await clients[1].event_mark()
        assert await clients[0].execute("quit") == {}
        assert (await clients[1].wait_event("SHUTDOWN", since=mark)).data["guest"] is False
        await proxy.wait_closed()
        assert proxy.is_orderly_end


async def test_no_shutdown(program: Callable[[str], str], tmp_path: Path) -> None:
    """With -no-shutdown the event comes, and QEMU stays."""
    qemu = Qemu(program(QEMU), tmp_path)
    qemu.start("-machine", "q35", "-no-shutdown", "-action", "reboot=shutdown")
    try:
        async with proxy_at(tmp_path) as proxy, clients_of(tmp_path, 2) as clients:
            mark = await clients[1].event_mark()
            await clients[0].execute("cont")
            await clients[0].execute("human-monitor-command", {"command-line": "o /b 0x64 0xfe"})
            await clients[1].wait_event("SHUTDOWN", since=mark)
            for client in clients:
                assert (await client.execute("query-status"))["status"] == "shutdown"
            assert proxy.is_connected
    finally:
        qemu.end()


# --- QEMU is stopped


async def test_a_frozen_qemu(qemu: Qemu, tmp_path: Path) -> None:
    """Each command is bounded; late answers are dropped, nothing is mixed up."""
    async with (
        proxy_at(tmp_path, command_timeout=0.1) as proxy,
        clients_of(tmp_path, 3) as clients,
    ):
        one, two, three = clients
        qemu.signal(signal.SIGSTOP)
        frozen = [one.execute("query-name") for _ in range(20)]  # pipelined
        frozen += [two.execute("query-chardev")]
        urgent = [each.execute("query-yank", oob=True) for each in clients]
        assert {await outcome(each) for each in frozen} == {"unknown", "not sent"}
        assert [await outcome(each) for each in urgent] == ["unknown"] * 3
        assert await outcome(three.execute("query-status")) == "not sent"
        assert await three.execute("query-version")  # known
        assert proxy._hub._multiplexer.in_flight == 4
        proxy._hub._deadlines._seconds = PATIENCE
        again = three.execute("query-status")  # waits for the window
        qemu.signal(signal.SIGCONT)
        assert (await again)["status"] == "prelaunch"
        replies = await asyncio.gather(
            *(one.execute("query-name") for _ in range(5)),
            *(two.execute("query-status") for _ in range(5)),
            *(three.execute("query-yank", oob=True) for _ in range(5)),
        )
        assert replies[:5] == [{}] * 5
        assert {each["status"] for each in replies[5:10]} == {"prelaunch"}
        assert all(each[0]["type"] == "chardev" for each in replies[10:])
        await until(lambda: proxy._hub._multiplexer.in_flight == 0)
        assert proxy.is_connected


async def test_reconnecting_to_a_frozen_qemu(qemu: Qemu, tmp_path: Path) -> None:
    """It accepts connections, but greets nobody."""
    async with (
        proxy_at(tmp_path, persist=True, when_down="fail", timeout=10) as proxy,
        clients_of(tmp_path, 1) as clients,
    ):
        qemu.end()
        qemu.start()
        async with await AsyncClient.connect(
            f"unix:{tmp_path}/server", wait_for_socket=True
        ):  # so it listens
            proxy._link._timeout = 0.2
            with pytest.raises(TimeoutError):  # it serves another client
                await proxy.reconnect()
            qemu.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await proxy.reconnect()
        assert "query-status wasn't sent" in str(await error_of(clients[0].execute("query-status")))
        qemu.signal(signal.SIGCONT)
        proxy._link._timeout = PATIENCE
        await proxy.reconnect()
        assert (await clients[0].execute("query-status"))["status"] == "prelaunch"


# --- The proxy and its clients are killed


@asynccontextmanager
async def proxy_process(folder: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    path = f"{folder}/proxy"
    words = [f"unix:{folder}/server", "-qmp", f"unix:{path},server=on,wait=off"]
    argv = [sys.executable, "-m", "qmpeer", "proxy", "--wait-for-socket", *words]
    process = subprocess.Popen(argv)
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait, PATIENCE)


async def test_sigkill_of_the_proxy_and_its_restart(qemu: Qemu, tmp_path: Path) -> None:
    """The answer to a command of the old proxy comes to the new one, which knows that."""
    path, stack = f"unix:{tmp_path}/proxy", AsyncExitStack()
    async with proxy_process(tmp_path) as process:
        client = await AsyncClient.connect(path, wait_for_socket=True)
        blocking = client.execute("blockdev-add", blocker(tmp_path))
        await stack.enter_async_context(blocked(tmp_path))
        process.send_signal(signal.SIGKILL)
        with pytest.raises(CommandInterrupted):
            await blocking
        await client.close()
    async with proxy_process(tmp_path):
        joining = asyncio.create_task(AsyncClient.connect(path, wait_for_socket=True))
        await stack.aclose()  # QEMU goes on
        async with await joining as client:
            nodes = await client.execute("query-named-block-nodes", {"flat": True})
            assert "n" in {node["node-name"] for node in nodes}  # so the command was executed
            assert await client.execute("query-name") == {}


async def test_a_late_answer_to_an_earlier_proxy(qemu: Qemu, tmp_path: Path) -> None:
    """QEMU sends it to the next connection, before the answer to qmp_capabilities.

    test_server_link.py shows that no id is mistaken for another one.
    """
    async with await AsyncClient.connect(f"unix:{tmp_path}/server", wait_for_socket=True) as old:
        old.execute("blockdev-add", blocker(tmp_path), timeout=None)
        assert await old.execute("query-yank", oob=True)  # it has negotiated that
        stack = AsyncExitStack()
        await stack.enter_async_context(blocked(tmp_path))
    proxy = Proxy(f"unix:{tmp_path}/server")
    starting = asyncio.create_task(proxy.start())
    await until(lambda: proxy._hub.traffic.received)  # the greeting
    await stack.aclose()  # QEMU goes on
    await starting
    try:
        server = proxy._hub.server
        assert server is not None
        assert server.session.ignored == 1
    finally:
        proxy.close()
        await proxy.wait_closed()


_PIPELINING_CLIENT = """
import json, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
file = sock.makefile()
file.readline()
for n, name in enumerate(["qmp_capabilities"] + ["query-name"] * 50 + ["blockdev-add"]):
    arguments = json.loads(sys.argv[2]) if name == "blockdev-add" else {}
    sock.sendall(json.dumps({"execute": name, "arguments": arguments, "id": n}).encode())
print("sent", flush=True)
sock.recv(1)
sys.stdin.read()
"""


async def test_sigkill_of_clients(qemu: Qemu, tmp_path: Path) -> None:
    """What they had sent is finished, what waited is dropped; the others notice nothing."""
    async with proxy_at(tmp_path) as proxy, clients_of(tmp_path, 1) as clients:
        qemu.signal(signal.SIGSTOP)
        argv = [sys.executable, "-c", _PIPELINING_CLIENT, f"{tmp_path}/proxy"]
        argv.append(json.dumps({"driver": "null-co", "node-name": "never"}))
        killed = [
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
        ]
        mine = clients[0].execute("query-status")
        for process in killed:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"sent\n"
        await until(lambda: proxy._hub._multiplexer.in_flight == 4)
        for process in killed:
            process.kill()
            process.communicate()
        await until(lambda: proxy.clients == 1)
        qemu.signal(signal.SIGCONT)
        assert (await mine)["status"] == "prelaunch"
        assert await clients[0].execute("query-named-block-nodes") == []
        await until(lambda: proxy._hub._multiplexer.in_flight == 0)
