"""The clients' logs: one line per message, secrets blanked, nothing while logging is off."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, Client, CommandError, Monitor
from qmpeer.values import JsonObject
from tests.cli.scripted_server import Scripted


def _serve(path: Path) -> Monitor:
    monitor = Monitor(name="traced")

    @monitor.command("set_password")
    def set_password(protocol: str, password: str) -> None:
        monitor.emit("PASSWORD_SET")

    monitor.start(path)
    return monitor


def _blocking(path: Path) -> None:
    with Client.connect(path) as client:
        client.execute("set_password", {"protocol": "vnc", "password": "hunter2"})
        with pytest.raises(CommandError):
            client.execute("nonesuch")


def _async(path: Path) -> None:
    async def converse() -> None:
        async with await AsyncClient.connect(path) as client:
            await client.execute("set_password", {"protocol": "vnc", "password": "hunter2"})
            with pytest.raises(CommandError):
                await client.execute("nonesuch")

    asyncio.run(converse())


@pytest.mark.parametrize("converse", [_blocking, _async], ids=["blocking", "async"])
def test_one_line_a_message(
    converse: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = _serve(tmp_path / "m")
    with caplog.at_level(logging.DEBUG, "qmpeer.client"):
        converse(tmp_path / "m")
    monitor.stop()
    lines = [r.getMessage().partition(": ")[2] for r in caplog.records if r.name == "qmpeer.client"]
    assert [line.split()[:3] for line in lines] == [
        [">", "execute", "set_password"],
        ["<", "event", "PASSWORD_SET"],
        ["<", "return", "{}"],
        [">", "execute", "nonesuch"],
        ["<", "error", "CommandNotFound:"],
        ["=", "closed:", "the"],
    ]
    said = {r.getMessage().split()[0] for r in caplog.records if r.name == "qmpeer.client"}
    assert said == {f"unix:{tmp_path}/m:"}
    assert "hunter2" not in caplog.text


def test_nothing_is_logged_while_nobody_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = _serve(tmp_path / "m")
    _blocking(tmp_path / "m")
    monitor.stop()
    assert "set_password" not in caplog.text


def test_typed_keys_are_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers: dict[str, Any] = {"input-send-event": {}, "send-key": {}}
    caplog.set_level(logging.DEBUG, "qmpeer.client")
    with Scripted(tmp_path / "q", answers) as server, Client.connect(server.address) as vm:
        vm.keyboard.type("q", rate=500.0)
        with vm.keyboard.hold("f12"):
            pass
    assert "> execute send-key <redacted> id=" in caplog.text
    assert "qcode" not in caplog.text


ODD: list[tuple[str, JsonObject]] = [
    ("qom-set", {"path": "/objects/s", "property": "data", "value": "hunter2"}),
    ("blockdev-add", {"driver": "https", "url": "https://me:hunter2@h/", "cookie": "hunter2"}),
    ("human-monitor-command", {"command-line": "set_password vnc hunter2"}),
    ("set_passwrd", {"protocol": "vnc", "pasword": "hunter2"}),
]


@pytest.mark.parametrize(("command", "arguments"), ODD, ids=[command for command, _ in ODD])
@pytest.mark.parametrize("side", ["qmpeer.client", "qmpeer.monitor"])
def test_secrets_in_odd_places(
    side: str,
    command: str,
    arguments: JsonObject,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither sent arguments, nor an error that repeats them, nor a returned URL shows a secret."""
    monitor = Monitor(name="traced")

    @monitor.command(command)
    def refuse(**rest: object) -> None:
        raise CommandError("GenericError", "no 'hunter2' here")

    @monitor.command("query-url")
    def query_url() -> str:
        monitor.emit("URL", {"url": "https://me:hunter2@h/"})
        return "https://me:hunter2@h/"

    monitor.start(tmp_path / "m")
    with caplog.at_level(logging.DEBUG, side), Client.connect(tmp_path / "m") as client:
        with pytest.raises(CommandError, match="hunter2"):
            client.execute(command, arguments)
        assert client.execute("query-url") == "https://me:hunter2@h/"
    monitor.stop()
    assert command in caplog.text
    assert "URL" in caplog.text
    assert "hunter2" not in caplog.text
