"""The QEMU project's client, qemu.qmp, with our monitor and with QEMU."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.interop.conftest import OURS, Server, StartProgram
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE

qemu_qmp = pytest.importorskip("qemu.qmp", reason="qemu.qmp is not installed")
legacy = pytest.importorskip("qemu.qmp.legacy", reason="qemu.qmp is not installed")

pytestmark = pytest.mark.real


@pytest_asyncio.fixture
async def vm(server: Server) -> AsyncIterator[Any]:
    client = qemu_qmp.QMPClient("test")
    await asyncio.wait_for(client.connect(server.address), PATIENCE)
    yield client
    try:
        await client.disconnect()
    except EOFError:  # it was sent "quit"
        pass


async def test_the_greeting(vm: Any, release: tuple[int, int]) -> None:
    assert vm.greeting.QMP.capabilities == ["oob"]
    assert vm.greeting.QMP.version["qemu"]["major"] == release[0]


async def test_commands(vm: Any) -> None:
    version = await vm.execute("query-version")
    assert version == vm.greeting.QMP.version
    names = [command["name"] for command in await vm.execute("query-commands")]
    assert {"qmp_capabilities", "query-version", "stop"} <= set(names)
    assert (await vm.execute("query-status"))["status"] == "running"


@pytest.mark.parametrize(
    ("command", "arguments", "error_class", "desc"),
    [
        ("bogus", {}, "CommandNotFound", "The command bogus has not been found"),
        ("stop", {"a": 1}, "GenericError", "Parameter 'a' is unexpected"),
        ("getfd", {}, "GenericError", "Parameter 'fdname' is missing"),
        ("closefd", {"fdname": "x"}, "GenericError", "File descriptor named 'x' not found"),
        ("closefd", {"fdname": 1}, "GenericError", "Invalid parameter type for 'fdname', "),
        (
            "qmp_capabilities",
            {},
            "CommandNotFound",
            "Capabilities negotiation is already complete, command ignored",
        ),
    ],
)
async def test_errors(
    vm: Any, command: str, arguments: dict[str, Any], error_class: str, desc: str
) -> None:
    with pytest.raises(qemu_qmp.ExecuteError) as caught:
        await vm.execute(command, arguments)
    assert caught.value.error_class == error_class
    assert str(caught.value).startswith(desc)


async def test_events_come_before_the_reply(vm: Any) -> None:
    with vm.listener() as listener:
        for _ in range(10):
            for command, event in (("stop", "STOP"), ("cont", "RESUME")):
                await vm.execute(command)
                assert not listener.empty()
                message = await listener.get()
                assert message["event"] == event
                assert list(message) == ["timestamp", "event"]


async def test_out_of_band(vm: Any) -> None:
    with pytest.raises(qemu_qmp.ExecuteError) as caught:
        await vm.execute_msg(vm.make_execute_msg("migrate-pause", oob=True))
    assert caught.value.error_class == "GenericError"
    assert "migrate-pause is currently only supported during postcopy" in str(caught.value)
    with pytest.raises(qemu_qmp.ExecuteError, match="stop does not support OOB"):
        await vm.execute_msg(vm.make_execute_msg("stop", oob=True))


async def test_out_of_band_overtakes(vm: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    arguments = {
        "driver": "blkdebug",
        "node-name": "n",
        "config": str(tmp_path / "fifo"),
        "image": {"driver": "null-co", "read-zeroes": True},
    }
    blocked = asyncio.ensure_future(vm.execute("blockdev-add", arguments))
    behind = [asyncio.ensure_future(vm.execute("query-name")) for _ in range(5)]
    await asyncio.sleep(0)
    urgent = vm.execute_msg(vm.make_execute_msg("query-yank", oob=True))
    assert isinstance(await asyncio.wait_for(urgent, PATIENCE), list)
    assert not blocked.done()
    assert not any(each.done() for each in behind)
    (tmp_path / "fifo").write_text("")
    assert await asyncio.wait_for(blocked, PATIENCE) == {}
    assert await asyncio.wait_for(asyncio.gather(*behind), PATIENCE) == [{}] * 5
    await vm.execute("blockdev-del", {"node-name": "n"})


async def test_many_at_once(vm: Any) -> None:
    values = await asyncio.gather(*(vm.execute("query-name") for _ in range(200)))
    assert values == [{}] * 200


async def test_descriptors(vm: Any) -> None:
    fd = os.memfd_create("file")
    try:
        vm.send_fd_scm(fd)
        assert await vm.execute("getfd", {"fdname": "a"}) == {}
        assert await vm.execute("closefd", {"fdname": "a"}) == {}
        with pytest.raises(qemu_qmp.ExecuteError, match="No file descriptor supplied"):
            await vm.execute("getfd", {"fdname": "a"})
    finally:
        os.close(fd)


async def test_quit(vm: Any, server: Server) -> None:
    with vm.listener("SHUTDOWN") as listener:
        assert await vm.execute("quit") == {}
        event = await asyncio.wait_for(listener.get(), PATIENCE)
        assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
    assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0
    with pytest.raises(EOFError):
        await asyncio.wait_for(vm.disconnect(), PATIENCE)


async def test_over_tcp(server: Server) -> None:
    client = qemu_qmp.QMPClient("test")
    await asyncio.wait_for(client.connect(("127.0.0.1", server.port())), PATIENCE)
    assert await client.execute("query-name") == {}
    await client.disconnect()


async def test_one_client_after_another(server: Server) -> None:
    for _ in range(10):
        client = qemu_qmp.QMPClient("test")
        await asyncio.wait_for(client.connect(server.address), PATIENCE)
        await client.execute("query-status")
        await client.disconnect()


@pytest.fixture
def blocking(server: Server) -> Iterator[Any]:
    client = legacy.QEMUMonitorProtocol(server.address)
    client.settimeout(PATIENCE)
    client.connect()
    yield client
    close_legacy(client)


def close_legacy(client: Any) -> None:
    try:
        client.close()
    finally:
        client._aloop.close()
        asyncio.set_event_loop(None)


def test_legacy_commands(blocking: Any) -> None:
    assert blocking.cmd("query-status")["running"] is True
    assert blocking.cmd_raw("query-name") == {"return": {}}
    assert blocking.cmd_obj({"execute": "query-name", "id": "x"}) == {"return": {}, "id": "x"}
    error = {"class": "CommandNotFound", "desc": "The command bogus has not been found"}
    assert blocking.cmd_raw("bogus") == {"error": error}
    with pytest.raises(qemu_qmp.ExecuteError, match="bogus has not been found"):
        blocking.cmd("bogus")


def test_legacy_events(blocking: Any) -> None:
    blocking.cmd("stop")
    assert blocking.pull_event(wait=PATIENCE)["event"] == "STOP"
    blocking.cmd("cont")
    assert [event["event"] for event in blocking.get_events(wait=PATIENCE)] == ["RESUME"]


def test_legacy_descriptors(blocking: Any) -> None:
    fd = os.memfd_create("file")
    try:
        blocking.send_fd_scm(fd)
        assert blocking.cmd("getfd", fdname="a") == {}
        assert blocking.cmd("closefd", fdname="a") == {}
    finally:
        os.close(fd)


def test_we_dial_it(start: StartProgram, tmp_path: Path) -> None:
    path = tmp_path / "here"
    client = legacy.QEMUMonitorProtocol(str(path), server=True)
    until_listening(path)
    start([*OURS, *BASE, "-qmp", f"unix:{path}"])
    assert client.accept(timeout=PATIENCE)["QMP"]["capabilities"] == ["oob"]
    assert client.cmd("query-status")["running"] is True
    close_legacy(client)


def test_its_shell(server: Server, release: tuple[int, int], tmp_path: Path) -> None:
    lines = ["query-status", "stop", "", "bogus a=1", "cont"]
    done = subprocess.run(
        [sys.executable, "-m", "qemu.qmp.qmp_shell", server.address],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stderr == ""
    said = done.stdout.replace("(QEMU) ", "").splitlines()
    assert said[0] == "Welcome to the QMP low-level shell!"
    assert said[1].startswith("Connected to QEMU {}.{}.".format(*release))
    assert '"status": "running"' in said[3]
    assert said[4] == '{"return": {}}'
    assert "'event': 'STOP'" in said[5]
    assert '"class": "CommandNotFound"' in said[6]
    assert said[7] == '{"return": {}}'
