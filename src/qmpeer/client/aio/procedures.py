"""The steps of procedures: commands with fallbacks, and waits for events."""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from qmpeer.client.aio.reconnecting_channel import AnyAsyncChannel
from qmpeer.client.aio.subscription import AsyncEvents
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.values import JsonObject


class CommandClient(Protocol):
    """A client, as procedures use it."""

    @property
    def _channel(self) -> AnyAsyncChannel: ...

    def execute(
        self,
        command: str,
        arguments: JsonObject | None = None,
        *,
        timeout: float | None,
        fds: Sequence[int] = (),
    ) -> Awaitable[Any]:
        """Execute a command."""


async def first_that_exists(
    client: CommandClient, timeout: float | None, *commands: tuple[str, JsonObject | None]
) -> Any:
    """Execute the first of the commands that the server has.

    Raises:
        CommandError: If the command fails; with CommandNotFound if the server has none of them.
    """
    for command, arguments in commands[:-1]:
        try:
            return await client.execute(command, arguments, timeout=timeout)
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
    # The last command's error is the caller's, even CommandNotFound.
    command, arguments = commands[-1]
    return await client.execute(command, arguments, timeout=timeout)


async def next_event(events: AsyncEvents[Event], timeout: float | None) -> Event | None:
    """Return the next event, or None at the timeout."""
    try:
        return await events.next(timeout)
    except TimeoutError:
        return None


async def watchful_pause(channel: AnyAsyncChannel, seconds: float | None) -> None:
    """Pause; raise at once if the connection ends."""
    await channel.wait(lambda: False, Deadline(seconds or 0.0))
