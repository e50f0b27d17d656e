"""What the clients log: one line a message, secrets blanked, nothing while nobody listens."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import AsyncClient, Client, CommandError, Monitor


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
    assert "hunter2" not in caplog.text


def test_nothing_is_logged_while_nobody_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = _serve(tmp_path / "m")
    _blocking(tmp_path / "m")
    monitor.stop()
    assert "set_password" not in caplog.text
