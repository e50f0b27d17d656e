"""What procedures of several commands and events are made of."""

from collections.abc import Awaitable
from typing import Any, Protocol

from qmpeer.client.aio.reconnecting_channel import AnyAsyncChannel
from qmpeer.client.aio.subscription import AsyncEvents
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.values import JsonObject


class Executor(Protocol):
    """What a procedure runs on: a client."""

    @property
    def _channel(self) -> AnyAsyncChannel: ...

    def execute(
        self, command: str, arguments: JsonObject | None = None, *, timeout: float | None
    ) -> Awaitable[Any]:
        """Execute a command."""


async def first_that_exists(
    client: Executor, timeout: float | None, *commands: tuple[str, JsonObject | None]
) -> Any:
    """Execute the first of some commands that the server has.

    Raises:
        CommandError: CommandNotFound, if it has none of them; else as the command has it.
    """
    for command, arguments in commands[:-1]:
        try:
            return await client.execute(command, arguments, timeout=timeout)
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
    command, arguments = commands[-1]
    return await client.execute(command, arguments, timeout=timeout)


async def next_event(events: AsyncEvents[Event], timeout: float | None) -> Event | None:
    """Return the next event, None if none comes in time."""
    try:
        return await events.next(timeout)
    except TimeoutError:
        return None


async def watchful_pause(channel: AnyAsyncChannel, seconds: float | None) -> None:
    """Wait for some time; raise if the connection ends meanwhile."""
    await channel.wait(lambda: False, Deadline(seconds or 0.0))
