"""A server whose commands the test answers, a proxy in front of it, and clients of the proxy."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qmpeer import AsyncClient, Monitor
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor import RawClient, Reply
from qmpeer.proxy import Proxy
from qmpeer.values import JsonObject, JsonValue
from tests.patience import PATIENCE
from tests.proxy.lines import LineClient

GREETING: JsonObject = {
    "QMP": {
        "version": {"qemu": {"micro": 9, "minor": 8, "major": 7}, "package": "for tests"},
        "capabilities": ["oob"],
    }
}


class TestServer:
    """A raw backend that collects commands, and answers when it is told to.

    Attributes:
        received: The commands, in order of arrival.
        window: Large, so that what the proxy sends at once can be counted.
    """

    __test__ = False
    window = 100

    def __init__(self, greeting: JsonObject = GREETING) -> None:
        self._greeting = greeting
        self.received: list[CommandMessage] = []
        self.client: RawClient | None = None
        self.answers: Callable[[CommandMessage], JsonValue] | None = None
        self._open: list[CommandMessage] = []

    def open_session(self, client: RawClient) -> "TestServer":
        self.client = client
        client.greet(self._greeting)
        return self

    def execute(self, command: CommandMessage) -> None:
        self.received.append(command)
        if self.answers is not None:
            self.deliver(Reply(command, self.answers(command)))
        else:
            self._open.append(command)

    def close(self) -> None:
        self.client = None

    def deliver(self, *messages: Any) -> None:
        assert self.client is not None
        self.client.deliver(*messages)

    @property
    def names(self) -> list[str]:
        return [command.name for command in self.received]

    def answer(self, value: JsonValue = None, *, name: str | None = None) -> None:
        """Answer the oldest open command, or the oldest of a name."""
        command = next(each for each in self._open if name in (None, each.name))
        self._open.remove(command)
        self.deliver(Reply(command, {} if value is None else value))


class Proxied:
    """A server, a proxy in front of it, and its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = TestServer()
        self.machine = Monitor(backend=self.server)
        self.proxy: Proxy | None = None
        self.clients: list[AsyncClient | LineClient] = []

    async def start(self, address: str | None = None, **options: Any) -> Proxy:
        place = f"unix:{self.folder}/server" if address is None else address
        listener = await self.machine.listen(place, many=True)
        self.proxy = Proxy(listener.address, **options)
        await self.proxy.start()
        await self.proxy.listen(f"unix:{self.folder}/proxy")
        return self.proxy

    async def client(self, **options: Any) -> AsyncClient:
        client = await AsyncClient.connect(f"unix:{self.folder}/proxy", **options)
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
        if self.proxy is not None:
            self.proxy.close()
            await self.proxy.wait_closed()
        self.machine.shutdown()
        await self.machine.wait_closed()


async def until(is_true: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not is_true():
            await asyncio.sleep(0.001)


async def error_of(awaitable: Any) -> CommandError:
    """Return the error that a command is answered with."""
    try:
        value = await awaitable
    except CommandError as error:
        return error
    raise AssertionError(f"found the value {value!r}, expected an error")
