"""The audit log of a proxy.

Modules: recorder.
"""

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from qmpeer.audit import AuditLog
from qmpeer.policy import Policy, Rule
from tests.proxy.lines import LineClient
from tests.proxy.proxied import Proxied, error_of, until


class Disk:
    """A disk that is full when it is told so, and that counts how often it is synchronized."""

    def __init__(self) -> None:
        self.is_full = False
        self.syncs = 0

    def write(self, fd: int, data: bytes) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        if self.is_full:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.syncs += 1


def _records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit").read_text().splitlines()]


def _whats(folder: Path) -> list[str]:
    return [each["what"] for each in _records(folder)]


async def _start(proxied: Proxied, disk: Disk, **options: Any) -> AuditLog:
    policy = options.pop("policy", None)
    path = proxied.folder / "audit"
    log = AuditLog(path, write=disk.write, sync=disk.sync, **options)
    await proxied.start(audit=log, policy=policy)
    return log


async def test_each_command_has_two_records(proxied: Proxied) -> None:
    log = await _start(proxied, Disk())
    received: list[list[str]] = []

    def answer(command: Any) -> Any:
        received.append(_whats(proxied.folder))
        return {"x": command.name}

    proxied.server.answers = answer
    client = await proxied.client()
    await client.execute("stop", {"force": False}, timeout=5)
    await client.execute("query-version")  # which the proxy answers itself
    log.close()
    assert received[0][-1] == "begin"  # it is written before the server has the command
    records = _records(proxied.folder)
    connected = next(each for each in records if each["what"] == "connected")
    assert (connected["client"], connected["uid"], connected["pid"]) == (
        1,
        os.getuid(),
        os.getpid(),
    )
    begins = [each for each in records if each["what"] == "begin"]
    ends = [each for each in records if each["what"] == "end"]
    assert [each["command"] for each in begins] == ["stop", "query-version"]
    assert begins[0]["arguments"] == {"force": False}
    assert [each["begin"] for each in ends] == [each["number"] for each in begins]
    assert [each["outcome"] for each in ends] == ["return", "return"]


async def test_what_cannot_be_recorded_is_not_sent(proxied: Proxied) -> None:
    disk = Disk()
    log = await _start(proxied, disk)
    proxied.server.answers = lambda command: command.name
    client = await proxied.client()
    assert await client.execute("query-name") == "query-name"
    disk.is_full = True
    for name in ("stop", "query-version"):
        error = await error_of(client.execute(name))
        assert error.desc == (
            f"{name} can't be sent to the server: the audit log can't be written: "
            "No space left on device"
        )
    disk.is_full = False
    assert await client.execute("cont") == "cont"
    assert proxied.server.names == ["query-name", "cont"]
    log.close()
    trouble = next(each for each in _records(proxied.folder) if each["what"] == "trouble")
    assert trouble["refused"] == 2


async def test_best_effort_goes_on(proxied: Proxied) -> None:
    disk = Disk()
    log = await _start(proxied, disk, mode="best-effort")
    proxied.server.answers = lambda command: command.name
    client = await proxied.client()
    disk.is_full = True
    assert await client.execute("stop") == "stop"
    disk.is_full = False
    assert await client.execute("cont") == "cont"
    log.close()
    what = _whats(proxied.folder)
    assert "trouble" in what
    assert proxied.server.names == ["stop", "cont"]


@pytest.mark.parametrize("is_full", [False, True])
async def test_each_command_waits_until_its_record_is_on_the_disk(
    proxied: Proxied, is_full: bool
) -> None:
    disk = Disk()
    log = await _start(proxied, disk, fsync="command")
    synced_at: list[int] = []

    def answer(command: Any) -> Any:
        synced_at.append(disk.syncs)
        return command.name

    proxied.server.answers = answer
    client = await proxied.client()
    before = disk.syncs
    assert await client.execute("stop") == "stop"
    assert synced_at[0] > before
    if is_full:
        disk.is_full = True
        error = await error_of(client.execute("cont"))
        assert "the audit log can't be" in error.desc
        disk.is_full = False
        assert proxied.server.names == ["stop"]
    names = [f"command-{number}" for number in range(50)]
    before = disk.syncs
    assert await asyncio.gather(*map(client.execute, names)) == names
    assert disk.syncs - before < 20  # those that wait for their turn share a sync
    log.close()


@pytest.mark.parametrize("goes", ["client", "server"])
async def test_what_waited_on_record_and_was_never_sent(proxied: Proxied, goes: str) -> None:
    log = await _start(proxied, Disk(), fsync="command")
    client = await LineClient.open(f"{proxied.folder}/proxy")
    for number in range(20):
        client.send(f"command-{number}")
    await until(lambda: len(proxied.server.names) == 4)
    await until(lambda: proxied.folder.joinpath("audit").read_text().count('"what":"begin"') == 20)
    if goes == "client":
        await client.close()
        await until(lambda: _whats(proxied.folder)[-1] == "left")
    else:
        assert proxied.server.client is not None
        proxied.server.client.close()
        await until(lambda: "server-lost" in _whats(proxied.folder))
        await client.close()
        await until(lambda: _whats(proxied.folder)[-1] == "left")
    await proxied.close()
    log.close()
    ends = {each["begin"]: each for each in _records(proxied.folder) if each["what"] == "end"}
    begins = [each for each in _records(proxied.folder) if each["what"] == "begin"]
    sent, unsent = begins[:4], begins[4:]
    assert [each["command"] for each in sent] == proxied.server.names
    assert len(unsent) == 16
    for each in unsent:
        assert ends[each["number"]]["outcome"] == "not-sent"
    for each in sent:
        assert ends[each["number"]]["outcome"] == "interrupted"


async def test_what_is_refused_at_once_is_not_recorded_as_begun(proxied: Proxied) -> None:
    log = AuditLog(proxied.folder / "audit", fsync="command")
    proxy = await proxied.start(audit=log, persist=True, when_down="fail")
    client = await proxied.client()
    proxied.machine.shutdown()
    await until(lambda: not proxy.is_connected)
    assert "stop" in (await error_of(client.execute("stop"))).desc
    await proxied.close()
    log.close()
    assert "begin" not in [each["what"] for each in _records(proxied.folder)]


async def test_the_server_goes_before_it_answers(proxied: Proxied) -> None:
    log = await _start(proxied, Disk())
    client = await proxied.client()
    reply = client.execute("stop")
    await until(lambda: proxied.server.received)
    assert proxied.server.client is not None
    proxied.server.client.close()
    await error_of(reply)
    await client.close()
    log.close()
    ends = [each for each in _records(proxied.folder) if each["what"] == "end"]
    assert [each["outcome"] for each in ends] == ["interrupted"]
    assert _whats(proxied.folder).count("server-lost") == 1


async def test_a_denial_is_recorded_with_its_rule(proxied: Proxied) -> None:
    policy = Policy([Rule(name="look", names=frozenset({"query-status"}))])
    log = await _start(proxied, Disk(), policy=policy)
    client = await proxied.client()
    await error_of(client.execute("set_password", {"protocol": "vnc", "password": "geheim"}))
    log.close()
    records = _records(proxied.folder)
    assert any(each["what"] == "policy" and each["rules"] == 1 for each in records)
    denied = next(each for each in records if each["what"] == "denied")
    assert (denied["client"], denied["command"]) == (1, "set_password")
    assert denied["hidden"] is True
    assert "geheim" not in (proxied.folder / "audit").read_text()


async def test_the_proxys_own_commands_are_recorded(proxied: Proxied) -> None:
    log = await _start(proxied, Disk())
    proxied.server.answers = lambda command: command.name
    assert proxied.proxy is not None
    await proxied.proxy._hub.own.execute("query-named-block-nodes")
    log.close()
    begin = next(each for each in _records(proxied.folder) if each["what"] == "begin")
    assert (begin["client"], begin["command"]) == (0, "query-named-block-nodes")
