"""``qmpeer proxy`` when its server goes: its options, and its exit status.

Modules: proxy_command, proxy_options, proxy_process.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from qmpeer import AsyncClient, Monitor
from qmpeer.cli.main import main
from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.cli.proxy_process import run_proxy
from qmpeer.options.signals import OnSignal
from tests.cli.relaying import monitor_at
from tests.patience import PATIENCE


class Proxying:
    """A proxy in the test's own event loop.

    Attributes:
        said: What it has written to standard error.
    """

    def __init__(self, options: ProxyOptions) -> None:
        self.said: list[str] = []
        self._is_ready = asyncio.Event()
        self._signal: OnSignal | None = None
        self._task = asyncio.create_task(
            run_proxy(options, self.said.append, self._is_ready.set, self._watch)
        )

    def _watch(self, when: OnSignal) -> None:
        self._signal = when

    async def wait_ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._is_ready.wait()

    def signal(self) -> None:
        assert self._signal is not None
        self._signal(signal.SIGTERM, "")

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self._task


def parse(folder: Path, *words: str) -> ProxyOptions:
    where = f"unix:{folder}/p,server=on,wait=off"
    return parse_options((f"unix:{folder}/s", "-qmp", where, *words), pytest.fail)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("q --when-down fail", "--when-down fail: the proxy ends with its server, expected"),
        ("q --persist --when-down never", "--when-down never: expected wait or fail"),
        ("fd:3 --persist", "--persist: ADDRESS is a descriptor, expected one that can be"),
        ("fd:3 --reconnect", "--reconnect: ADDRESS is a descriptor, expected one that can be"),
    ],
)
def test_what_makes_no_sense(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", *words.split(), "-qmp", "unix:p,server=on,wait=off"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qmpeer proxy: {reason}")
    assert err.count("\n") == 1


def test_options(tmp_path: Path) -> None:
    options = parse(tmp_path, "--persist", "--when-down", "fail")
    assert (options.persists, options.reconnects, options.when_down) == (True, False, "fail")
    options = parse(tmp_path, "--reconnect")
    assert (options.persists, options.reconnects, options.when_down) == (False, True, None)


@pytest.mark.parametrize("is_orderly", [True, False], ids=["orderly", "cut"])
async def test_the_exit_status_is_the_end_of_the_server(tmp_path: Path, is_orderly: bool) -> None:
    async with monitor_at(tmp_path / "s") as monitor:
        proxying = Proxying(parse(tmp_path))
        await proxying.wait_ready()
        async with await AsyncClient.connect(f"unix:{tmp_path}/p") as client:
            assert await client.execute("query-status") == {"status": "running"}
            if is_orderly:
                mark = await client.event_mark()
                monitor.emit("SHUTDOWN", {"guest": False, "reason": "host-signal"})
                await client.wait_event("SHUTDOWN", since=mark)
            monitor.shutdown()
            assert await proxying.status() == (0 if is_orderly else 1)
    reason = "the server has gone: the server closed the connection"
    assert proxying.said == ([] if is_orderly else [reason])


async def test_a_signal_is_an_end_without_reason(tmp_path: Path) -> None:
    async with monitor_at(tmp_path / "s"):
        proxying = Proxying(parse(tmp_path))
        await proxying.wait_ready()
        proxying.signal()
        assert await proxying.status() == 0
    assert [line for line in proxying.said if "terminating" not in line] == []


async def test_a_proxy_that_reconnects(tmp_path: Path) -> None:
    async with monitor_at(tmp_path / "s"):
        proxying = Proxying(parse(tmp_path, "--reconnect"))
        await proxying.wait_ready()
        client = await AsyncClient.connect(f"unix:{tmp_path}/p")
        mark = await client.event_mark()
    await client.wait_event("__QMPEER_SERVER_LOST", since=mark)
    waiting = client.execute("query-name")
    machine = Monitor(name="another", version=(7, 2, 0))
    machine.command("query-name")(lambda: {"name": "another"})
    await machine.listen(tmp_path / "s")
    assert await waiting == {"name": "another"}
    proxying.signal()
    assert await proxying.status() == 0
    await client.close()
    machine.shutdown()
    await machine.wait_closed()
