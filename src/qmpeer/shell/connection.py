"""The connection of a shell: to connect, to learn what the server takes, to connect again."""

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
"""The commands of a guest agent that answer only when they fail."""


class ShellConnection:
    """The connection to one address.

    Args:
        address: Where the server is.
        negotiate: False for a guest agent.
        connect_timeout: Seconds to connect in; None waits for ever.

    Attributes:
        client: The connection; None before the first.
        vocabulary: What the server takes, as far as it is known.
        command_timeout: Seconds for a reply.
    """

    def __init__(
        self,
        address: str,
        *,
        negotiate: bool = True,
        connect_timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
    ) -> None:
        self.address: str = address
        self.negotiate: bool = negotiate
        self.client: AsyncClient | None = None
        self.vocabulary: Vocabulary = Vocabulary()
        self.command_timeout: float | None = command_timeout
        self._connect_timeout = connect_timeout
        self._connecting: asyncio.Task[AsyncClient] | None = None
        self._vocabulary_task: asyncio.Task[Vocabulary] | None = None
        self._is_agent = not negotiate

    @property
    def is_connected(self) -> bool:
        """There is a connection."""
        return self.client is not None and not self.client.is_closed

    def begin_connecting(self) -> None:
        """Begin to connect, while there is something else to do; `connect` goes on with it."""
        self._connecting = asyncio.ensure_future(self._open())

    async def connect(self, on_silence: Callable[[], None] | None = None) -> AsyncClient:
        """Connect, for the first time or again.

        Args:
            on_silence: Called once when nobody has greeted, or no agent answered, for two seconds.

        Raises:
            OSError: As `AsyncClient.connect`.
            QMPError: As `AsyncClient.connect`.
            ValueError: If the address isn't one.
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
        except BaseException:
            connecting.cancel()
            raise
        return self.client

    async def _open(self) -> AsyncClient:
        """Connect; a guest agent is there once it has answered."""
        client = await AsyncClient.connect(
            self.address,
            timeout=self._connect_timeout,
            command_timeout=self.command_timeout,
            negotiate=self.negotiate,
        )
        self._is_agent = not self.negotiate
        if self._is_agent:
            contact = aio.AsyncAgentContact(aio.connect_by(client))
            try:
                await contact.first_contact(Countdown(self._connect_timeout))
            except CommandError:  # this is none, but something else that doesn't greet
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
            ConnectionClosed: If there is none.
        """
        if self.client is None or self.client.is_closed:
            raise ConnectionClosed("not connected; 'reconnect' connects again")
        return self.client

    def start_vocabulary_query(self) -> asyncio.Task[Vocabulary]:
        """Begin to ask the server what it takes, unless that was done."""
        if self._vocabulary_task is None:
            self._vocabulary_task = asyncio.ensure_future(self._query_vocabulary())
        return self._vocabulary_task

    @property
    def has_vocabulary(self) -> bool:
        """The server has told what it takes, or that it doesn't tell."""
        return self._vocabulary_task is not None and self._vocabulary_task.done()

    async def fetch_vocabulary(self) -> Vocabulary:
        """Return what the server takes; what it doesn't tell is left out."""
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
        """Ask for the names only: of a server before 2.5, or of a guest agent."""
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
        """Close the connection; doing so twice is fine."""
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
    """Return what the answer to query-qmp-schema says, in a thread of its own: keys go first."""
    from qmpeer.schema import schema_from_introspection  # start: 9 ms

    return Vocabulary(schema_from_introspection(answer))
