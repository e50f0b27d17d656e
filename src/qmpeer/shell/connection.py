"""The shell's connection: connecting, reconnecting, and the server's vocabulary."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from qmpeer import limits
from qmpeer.client import AsyncClient, aio
from qmpeer.client.answers import UNREADABLE
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, ConnectionClosed, QMPError
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.values import JsonObject

_SILENT: Final = frozenset(
    {"guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid"}
)
"""Commands of a guest agent that are answered only when they fail."""


class ShellConnection:
    """The shell's connection to one address, which can be opened again.

    Args:
        address: The server's address.
        negotiate: False for a guest agent.
        connect_timeout: Seconds to connect; None waits forever.
        wait_for_socket: Keep trying while nobody listens at the address yet.

    Attributes:
        client: The current or last client; None before the first.
        vocabulary: The server's commands and events, empty until they are known.
        command_timeout: Seconds for a reply.
    """

    def __init__(
        self,
        address: str,
        *,
        negotiate: bool = True,
        connect_timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        wait_for_socket: bool = False,
    ) -> None:
        self.address: str = address
        self.negotiate: bool = negotiate
        self.client: AsyncClient | None = None
        self.vocabulary: Vocabulary = Vocabulary()
        self.command_timeout: float | None = command_timeout
        self._connect_timeout = connect_timeout
        self._wait_for_socket = wait_for_socket
        self._connecting: asyncio.Task[AsyncClient] | None = None
        self._vocabulary_task: asyncio.Task[Vocabulary] | None = None
        self._is_agent = not negotiate

    @property
    def is_connected(self) -> bool:
        """True while the client is connected."""
        return self.client is not None and not self.client.is_closed

    def begin_connecting(self) -> None:
        """Start to connect in the background; `connect` waits for the result."""
        self._connecting = asyncio.ensure_future(self._open())

    async def connect(self, on_silence: Callable[[], None] | None = None) -> AsyncClient:
        """Connect, for the first time or again.

        Args:
            on_silence: Called once if no greeting, or no agent's reply, arrives within two seconds.

        Raises:
            OSError: As `AsyncClient.connect`.
            QMPError: As `AsyncClient.connect`.
            ValueError: If the address is invalid.
        """
        if self._connecting is None:
            await self.close()
            self.begin_connecting()
        connecting, self._connecting = self._connecting, None
        assert connecting is not None
        try:
            done, _ = await asyncio.wait([connecting], timeout=limits.SHELL_SILENCE)
            if not done and on_silence is not None:
                on_silence()
            self.client = await connecting
        except BaseException:  # C-c too: the attempt must not go on in the background
            connecting.cancel()
            raise
        return self.client

    async def _open(self) -> AsyncClient:
        """Connect; for a guest agent, wait for its first reply as well."""
        client = await AsyncClient.connect(
            self.address,
            timeout=self._connect_timeout,
            command_timeout=self.command_timeout,
            negotiate=self.negotiate,
            wait_for_socket=self._wait_for_socket,
        )
        self._is_agent = not self.negotiate
        if self._is_agent:
            contact = aio.AsyncAgentContact(aio.connect_by(client))
            try:
                await contact.first_contact(Countdown(self._connect_timeout))
            except CommandError:  # not an agent, but a server without greeting
                self._is_agent = False
            except BaseException:
                await client.close()
                raise
        return client

    async def execute(
        self,
        command: str,
        arguments: JsonObject | None,
        *,
        is_oob: bool = False,
        timeout: float | None,
    ) -> Any:
        """Execute a command and return its value.

        Raises:
            CommandError: If the server returned an error.
            QMPError: If the connection ends.
            TimeoutError: If there is no reply in time.
        """
        client = self.connected()
        if not self._is_agent:
            return await client.execute(command, arguments, oob=is_oob, timeout=timeout)
        contact, countdown = aio.AsyncAgentContact(aio.connect_by(client)), Countdown(timeout)
        if command in _SILENT:
            await contact.send(command, arguments, countdown)
            return {}
        return await contact.execute(command, arguments, countdown)

    def connected(self) -> AsyncClient:
        """Return the connection.

        Raises:
            ConnectionClosed: If the client isn't connected.
        """
        if self.client is None or self.client.is_closed:
            raise ConnectionClosed("not connected; 'reconnect' connects again")
        return self.client

    def start_vocabulary_query(self) -> asyncio.Task[Vocabulary]:
        """Start to query the server's commands and events, unless that was done."""
        if self._vocabulary_task is None:
            self._vocabulary_task = asyncio.ensure_future(self._query_vocabulary())
        return self._vocabulary_task

    @property
    def has_vocabulary(self) -> bool:
        """True once the query for the vocabulary has ended, successful or not."""
        return self._vocabulary_task is not None and self._vocabulary_task.done()

    async def fetch_vocabulary(self) -> Vocabulary:
        """Return the server's commands and events, as far as the server lists them."""
        # Shielded: C-c at one statement must not cancel the query that others wait for.
        return await asyncio.shield(self.start_vocabulary_query())

    async def _query_vocabulary(self) -> Vocabulary:
        if not self.is_connected:
            return self.vocabulary
        client = self.connected()
        try:
            answer = await client.execute("query-qmp-schema", timeout=limits.CONNECT_TIMEOUT)
            self.vocabulary = await asyncio.to_thread(_vocabulary_of, answer)
        except (QMPError, TimeoutError):
            self.vocabulary = Vocabulary(None, await self._names(client))
        return self.vocabulary

    async def _names(self, client: AsyncClient) -> list[str]:
        """Query the names only, for QEMU before 2.5 and for guest agents."""
        for command, member in (("query-commands", None), ("guest-info", "supported_commands")):
            try:
                answer = await client.execute(command, timeout=limits.CONNECT_TIMEOUT)
                entries = answer if member is None else answer[member]
                return [str(entry["name"]) for entry in entries]
            except CommandError:
                continue
            except (QMPError, TimeoutError, *UNREADABLE):
                break
        return []

    async def close(self) -> None:
        """Close the connection; a second call has no effect."""
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, QMPError, OSError, ValueError):
                await (await self._connecting).close()
            self._connecting = None
        if self._vocabulary_task is not None:
            self._vocabulary_task.cancel()
            self._vocabulary_task = None
        if self.client is not None:
            await self.client.close()


def _vocabulary_of(answer: Any) -> Vocabulary:
    """Return the vocabulary in a reply to query-qmp-schema; run it in a thread, as it is slow."""
    from qmpeer.schema import schema_from_introspection  # start: 9 ms

    return Vocabulary(schema_from_introspection(answer))
