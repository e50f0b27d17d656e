"""The machine as an assistant reaches it: through a proxy of this process that judges and records.

There is no other way from the tools to the server, so the proxy's policy holds for all of them.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from qmpeer import limits
from qmpeer.client import AsyncClient, Client
from qmpeer.errors import CommandError, QMPError, SchemaError
from qmpeer.mcp.documentation import CommandTexts
from qmpeer.mcp.interface import OWN, Interface
from qmpeer.policy import Policy
from qmpeer.proxy import Proxy
from qmpeer.schema import Schema, schema_from_introspection
from qmpeer.values import JsonObject

LISTENER: Final = "mcp"
"""The name of the proxy's listener for assistants, by which a policy knows them."""
T = TypeVar("T")


class MachineAbsentError(Exception):
    """A machine that can't be reached now."""


class GuardedMachine:
    """A machine behind a proxy, for an `AssistantServer`.

    Args:
        proxy: The proxy, with its policy and its audit log. This object starts and closes it. It
            should persist, so that the assistant's session outlives the machine.
        command_timeout: Seconds within which a command must be answered.
        texts: Schemas with texts about the commands.
    """

    def __init__(
        self,
        proxy: Proxy,
        *,
        command_timeout: float = limits.MCP_COMMAND_TIMEOUT,
        texts: Sequence[Schema] = (),
    ) -> None:
        self._proxy = proxy
        self._command_timeout = command_timeout
        self._texts = CommandTexts(texts)
        self._client: AsyncClient | None = None
        self._interface: Interface | None = None
        self._source: tuple[int, Policy | None] | None = None  # of the interface
        self._opening = asyncio.Lock()

    async def client(self) -> AsyncClient:
        """Return the client of the proxy, connected to a server that is there.

        Raises:
            MachineAbsentError: If the server can't be reached.
        """
        async with self._opening:
            if not self._proxy.is_connected:
                await self._connect()
            if self._client is None or self._client.is_closed:
                self._client = await AsyncClient.connect(
                    self._attached(), command_timeout=self._command_timeout
                )
            return self._client

    async def _connect(self) -> None:
        try:
            await self._proxy.reconnect()
        except (OSError, QMPError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise MachineAbsentError(
                f"The machine can't be reached now: {reason}. Try again once it runs."
            ) from error

    def _attached(self) -> socket.socket:
        """Return our end of a new connection to the proxy."""
        ours, its = socket.socketpair()
        self._proxy.attach(its, name=LISTENER, extensions=True)
        return ours

    async def ask(self, query: Callable[[Client], T]) -> T:
        """Return what a function finds out that needs a blocking client, in a thread.

        Raises:
            MachineAbsentError: If the server can't be reached.
        """
        await self.client()
        ours = self._attached()

        def run() -> T:
            with Client.connect(ours, command_timeout=self._command_timeout) as client:
                return query(client)

        return await asyncio.to_thread(run)

    async def execute(self, command: str, arguments: JsonObject | None = None) -> object:
        """Execute a command that an assistant names, and return its value.

        Raises:
            ValueError: If it is one of the proxy's own, which would change what other tools get.
            MachineAbsentError: If the server can't be reached.
            Exception: As `AsyncClient.execute`.
        """
        if command.startswith(OWN):
            raise ValueError(f"found {command!r}, expected a command of the machine")
        return await (await self.client()).execute(command, arguments)

    async def interface(self) -> Interface:
        """Return what the server has, as far as the policy shows it."""
        client = await self.client()
        # The next server may be another one, and another policy shows other commands.
        source = self._proxy.connections, self._proxy.policy
        if self._interface is None or source != self._source:
            self._interface, self._source = await self._read_interface(client), source
        return self._interface

    async def _read_interface(self, client: AsyncClient) -> Interface:
        commands: frozenset[str] | None = None
        schema: Schema | None = None
        try:
            answer = await client.execute("query-commands")
            commands = frozenset(str(each["name"]) for each in answer)
        except (CommandError, TypeError, KeyError):
            pass  # not for this client, or in another form
        try:
            answer = await client.execute("query-qmp-schema")
            schema = await asyncio.to_thread(schema_from_introspection, answer)
        except (CommandError, SchemaError):
            pass
        return Interface(commands, schema, self._texts)

    async def close(self) -> None:
        """Leave the machine."""
        if self._client is not None:
            await self._client.close()
        self._proxy.close()
        await self._proxy.wait_closed()
