"""A real server that answers what a recording lacks."""

import asyncio
from collections.abc import Callable, Sequence

from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError, QMPError
from qmpeer.messages import CommandMessage, redact_urls
from qmpeer.replay.conversations import RecordedReply
from qmpeer.transport import AddressLike


class UpstreamError(Exception):
    """A server that didn't answer, and why."""


class UpstreamServer:
    """A connection to a server, made when it is needed, and again after it was lost or released.

    It executes the commands of a replay's clients: on a machine that somebody uses, they do what
    they say.

    Args:
        address: The server's address.
        on_answer: Called with each command that it answered, and the reply.
    """

    def __init__(
        self,
        address: AddressLike,
        on_answer: Callable[[CommandMessage, RecordedReply], None] | None = None,
    ) -> None:
        self._address = address
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None  # kept: the loop has weak references only

    async def ask(self, command: CommandMessage, fds: Sequence[int]) -> RecordedReply:
        """Execute a command there, and return the reply, also if it is an error.

        The descriptors that came with the command go along; the caller still owns them.

        Raises:
            UpstreamError: If it can't be reached, ends the connection, or is silent for too long.
        """
        try:
            client = await self._connected()
            value = await client.execute(
                command.name, command.arguments, oob=command.is_oob, fds=fds
            )
            return RecordedReply(0.0, value)
        except CommandError as error:
            return RecordedReply(0.0, error={"class": error.error_class, "desc": error.desc})
        except (QMPError, OSError) as error:  # a timeout is an OSError, too
            await self.close()
            reason = getattr(error, "strerror", None) or error
            raise UpstreamError(redact_urls(f"{self._address}: {reason}")) from error

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await AsyncClient.connect(self._address)
            return self._client

    async def close(self) -> None:
        """Close the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def release(self) -> None:
        """Begin to close the connection: nobody needs it now."""
        if self._client is not None:
            self._closing = asyncio.get_running_loop().create_task(self.close())
