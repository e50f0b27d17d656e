"""The connection of a shell: to connect, to learn what the server takes, to connect again."""

import asyncio
from collections.abc import Callable
from typing import Any

from qmpeer import limits
from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError, ConnectionClosed, QMPError
from qmpeer.shell.vocabulary import Vocabulary

__all__ = ["Link"]


class Link:
    """Hold the connection to one address.

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
        self._learning: asyncio.Task[Vocabulary] | None = None

    @property
    def is_connected(self) -> bool:
        """There is a connection."""
        return self.client is not None and not self.client.is_closed

    async def connect(self, on_silence: Callable[[], None] | None = None) -> AsyncClient:
        """Connect, for the first time or again.

        Args:
            on_silence: Called once when nobody has greeted for two seconds.

        Raises:
            OSError: As `AsyncClient.connect`.
            QMPError: As `AsyncClient.connect`.
            ValueError: If the address isn't one.
        """
        await self.close()
        connecting = asyncio.ensure_future(
            AsyncClient.connect(
                self.address,
                timeout=self._connect_timeout,
                command_timeout=self.command_timeout,
                negotiate=self.negotiate,
            )
        )
        try:
            done, _ = await asyncio.wait([connecting], timeout=limits.SHELL_SILENCE)
            if not done and on_silence is not None:
                on_silence()
            self.client = await connecting
        except BaseException:
            connecting.cancel()
            raise
        return self.client

    def connected(self) -> AsyncClient:
        """Return the connection.

        Raises:
            ConnectionClosed: If there is none.
        """
        if self.client is None or self.client.is_closed:
            raise ConnectionClosed("not connected; 'reconnect' connects again")
        return self.client

    def begin_learning(self) -> "asyncio.Task[Vocabulary]":
        """Begin to ask the server what it takes, unless that was done."""
        if self._learning is None:
            self._learning = asyncio.ensure_future(self._learn())
        return self._learning

    @property
    def has_learnt(self) -> bool:
        """The server has told what it takes, or that it doesn't tell."""
        return self._learning is not None and self._learning.done()

    async def learn(self) -> Vocabulary:
        """Return what the server takes; what it doesn't tell is left out."""
        return await asyncio.shield(self.begin_learning())

    async def _learn(self) -> Vocabulary:
        if not self.is_connected:
            return self.vocabulary
        client = self.connected()
        try:
            answer = await client.execute("query-qmp-schema", timeout=limits.CONNECT_TIMEOUT)
            self.vocabulary = await self._read(answer)
        except (QMPError, TimeoutError):
            self.vocabulary = Vocabulary(None, await self._names(client))
        return self.vocabulary

    async def _read(self, answer: Any) -> Vocabulary:
        from qmpeer.schema import schema_from_introspection

        await asyncio.sleep(0)
        return Vocabulary(schema_from_introspection(answer))

    async def _names(self, client: AsyncClient) -> list[str]:
        """Ask for the names only: of a server before 2.5, or of a guest agent."""
        for command, member in (("query-commands", None), ("guest-info", "supported_commands")):
            try:
                answer = await client.execute(command, timeout=limits.CONNECT_TIMEOUT)
                entries = answer if member is None else answer[member]
                return [str(entry["name"]) for entry in entries]
            except CommandError:
                continue
            except (QMPError, TimeoutError, KeyError, TypeError):
                break
        return []

    async def close(self) -> None:
        """Close the connection; doing so twice is fine."""
        if self._learning is not None:
            self._learning.cancel()
            self._learning = None
        if self.client is not None:
            await self.client.close()
