"""The log of a monitor: one line a message, and no secrets."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.errors import CommandError
from qmpeer.monitor import Monitor
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient, until

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "test"}, '
    '"capabilities": ["oob"]}}'
)


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno == logging.DEBUG:
            self.lines.append(message.partition(": ")[2])
        assert "\n" not in message


@pytest.fixture
def log() -> Iterator[Lines]:
    log = Lines()
    logger = logging.getLogger("qmpeer.monitor")
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    yield log
    logger.removeHandler(log)
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("is_pretty", [False, True], ids=["plain", "pretty"])
async def test_a_whole_conversation(monitor: Monitor, log: Lines, is_pretty: bool) -> None:
    @monitor.command("stop")
    def stop() -> None:
        monitor.emit("STOP", {"a": [], "b": "x\r\ny"})
        raise CommandError("GenericError", "no")

    listener = await monitor.listen("tcp:127.0.0.1:0", pretty=is_pretty)
    async with await RawClient.connect(listener.address, pretty=is_pretty) as client:
        client.send({"execute": "stop", "id": 1}, b"{'execute':zz}\n", {"execute": "nope"})
        for _ in range(4):
            await client.receive(pretty=is_pretty)
    await until(lambda: monitor.connections == 0)
    lines = [line.replace("{ ", "{").replace(" }", "}").replace("[ ]", "[]") for line in log.lines]
    event = next(line for line in lines if "STOP" in line and line.startswith(">"))
    assert event.startswith('> {"timestamp": {"seconds": ')
    assert event.endswith(', "event": "STOP", "data": {"a": [], "b": "x\\r\\ny"}}')
    not_found = '{"class": "CommandNotFound", "desc": "The command nope has not been found"}'
    invalid = "JSON parse error, invalid keyword 'zz'"
    lines.remove(event)
    received = [line for line in lines if line[0] == "<"]
    assert received == [
        '< {"execute": "qmp_capabilities", "arguments": {}}',
        '< {"execute": "stop", "id": 1}',
        f"< {invalid}",
        '< {"execute": "nope"}',
    ]
    assert [line for line in lines if line[0] != "<"] == [
        "= connected",
        f"> {GREETING}".replace('["oob"]', '[ "oob" ]' if is_pretty else '["oob"]'),
        '> {"return": {}}',
        '> {"id": 1, "error": {"class": "GenericError", "desc": "no"}}',
        f'> {{"error": {{"class": "GenericError", "desc": "{invalid}"}}}}',
        f'> {{"error": {not_found}}}',
        "= gone: closed",
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hunter2"}},
        {"exec-oob": "change", "arguments": {"arg": "hunter2"}},
        {"execute": "object-add", "arguments": {"qom-type": "secret", "data": "hunter2"}},
    ],
    ids=str,
)
async def test_secrets_are_blanked(connect: Connect, log: Lines, message: object) -> None:
    client = await connect(oob=True)
    client.send(message)
    assert "error" in await client.receive()
    assert "<redacted>" in "".join(log.lines)
    assert "hunter2" not in "".join(log.lines)


async def test_nothing_is_formatted_when_nobody_listens(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise AssertionError("formatted")

    monkeypatch.setattr("qmpeer.monitor.connection.MonitorConnection._log_sent", fail)
    monkeypatch.setattr("qmpeer.monitor.connection.MonitorConnection._log_received", fail)
    client = await connect()
    assert "return" in await client.execute("query-version")
    assert not caplog.records


async def test_a_client_that_breaks_off(
    monitor: Monitor, path: Path, log: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    await monitor.listen(path)
    client = await RawClient.connect(path)
    monitor.emit("LEFT_UNREAD")
    await until(lambda: not client.is_silent())
    client.close()
    await until(lambda: monitor.connections == 0)
    assert log.lines[-1].startswith("= gone: ")
    assert all(record.levelno == logging.DEBUG for record in caplog.records)
