"""A program's own backend: any name, any JSON, values or awaitables."""

import asyncio
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import pytest

from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor import CommandInfo, Context, Monitor
from qmpeer.monitor.backend import Emit
from qmpeer.values import JsonValue
from tests.monitor.raw_client import RawClient
from tests.patience import PATIENCE


class Parrot:
    """A backend that repeats its arguments in several ways."""

    def __init__(self) -> None:
        self.asked = 0
        self.emit: Emit | None = None
        self.seen: list[tuple[str, bool, str]] = []

    def commands(self) -> Iterable[CommandInfo]:
        self.asked += 1
        yield CommandInfo("say")
        yield CommandInfo("say-later", allow_oob=True)
        yield CommandInfo("raise", features=("unstable",))
        yield CommandInfo("query-version")

    def execute(
        self, command: CommandMessage, context: Context
    ) -> JsonValue | Awaitable[JsonValue]:
        self.seen.append((command.name, command.is_oob, context.peer))
        match command.name:
            case "say":
                return (command.arguments or {}).get("value")
            case "say-later":
                return self.later(command)
            case "future":
                future: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
                future.set_result([command.name])
                return future
            case "raise":
                raise ZeroDivisionError("by zero")
            case "odd":
                return object()  # type: ignore[return-value]  # the point
            case "emit":
                assert self.emit is not None
                self.emit("PARROT", {"is": "green"})
                return {}
        raise CommandError("CommandNotFound", f"The command {command.name} has not been found")

    async def later(self, command: CommandMessage) -> JsonValue:
        await asyncio.sleep(0)
        if command.arguments is None:
            raise CommandError("GenericError", "nothing to say")
        return command.arguments.get("value")

    def subscribe(self, emit: Emit) -> None:
        self.emit = emit


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def monitor(parrot: Parrot) -> Monitor:
    monitor = Monitor(name="parrots", version=(1, 2, 3), package="p", backend=parrot)
    monitor.command("own", allow_oob=True)(lambda a=0: "own")
    return monitor


async def opened(monitor: Monitor, path: Path) -> RawClient:
    await monitor.listen(path)
    return await RawClient.connect(path, oob=True)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"execute": "say", "arguments": {"value": [1, {"a": None}]}}, [1, {"a": None}]),
        ({"execute": "say", "arguments": {"value": 1.5}}, 1.5),
        ({"execute": "say"}, None),
        ({"execute": "say-later", "arguments": {"value": "x"}}, "x"),
        ({"exec-oob": "say-later", "arguments": {"value": "x"}}, "x"),
        ({"execute": "future"}, ["future"]),
        ({"execute": "own"}, "own"),
        ({"exec-oob": "own"}, "own"),
        ({"execute": "query-version"}, {"micro": 3, "minor": 2, "major": 1}),
        ({"execute": "say-later"}, ("GenericError", "nothing to say")),
        ({"execute": "nope"}, ("CommandNotFound", "The command nope has not been found")),
        ({"exec-oob": "nope"}, ("CommandNotFound", "The command nope has not been found")),
        ({"exec-oob": "say"}, ("GenericError", "The command say does not support OOB")),
        ({"execute": "raise"}, ("GenericError", "by zero")),
        ({"execute": "odd"}, ("GenericError", "object")),
    ],
    ids=str,
)
async def test_commands(monitor: Monitor, path: Path, message: Any, answer: Any) -> None:
    async with await opened(monitor, path) as client:
        client.send({**message, "id": 1})
        got = await client.receive()
        assert got["id"] == 1
        if isinstance(answer, tuple):
            assert got["error"]["class"] == answer[0]
            assert answer[1] in got["error"]["desc"]
        elif message.get("execute") == "query-version":
            assert got["return"] == {"qemu": answer, "package": "p"}
        else:
            assert got["return"] == answer
        assert "return" in await client.execute("say")
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()


async def test_names_and_events(monitor: Monitor, parrot: Parrot, path: Path) -> None:
    async with await opened(monitor, path) as client:
        for _ in range(2):
            names = [entry["name"] for entry in (await client.execute("query-commands"))["return"]]
            assert set(names) == {
                "own",
                "qmp_capabilities",
                "query-commands",
                "query-version",
                "raise",
                "say",
                "say-later",
            }
            assert len(names) == 7
        assert parrot.asked == 1
        client.send({"execute": "emit"})
        event = await client.receive()
        assert (event["event"], event["data"]) == ("PARROT", {"is": "green"})
        assert await client.receive() == {"return": {}}
        client.send({"exec-oob": "say-later", "arguments": {}})
        await client.receive()
        assert parrot.seen == [("emit", False, f"unix:{path}"), ("say-later", True, f"unix:{path}")]
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()
