# Generated from aio/procedures.py by scripts/blocking_client.py: `make fix` writes it anew.
"""What procedures of several commands and events are made of."""

from typing import Any, Protocol

from qmpeer.client.blocking.reconnecting_channel import AnyChannel
from qmpeer.client.blocking.subscription import Events
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.values import JsonObject


class Executor(Protocol):
    """What a procedure runs on: a client."""

    @property
    def _channel(self) -> AnyChannel: ...

    def execute(
        self, command: str, arguments: JsonObject | None = None, *, timeout: float | None
    ) -> Any:
        """Execute a command."""


def first_that_exists(
    client: Executor, timeout: float | None, *commands: tuple[str, JsonObject | None]
) -> Any:
    """Execute the first of some commands that the server has.

    Raises:
        CommandError: CommandNotFound, if it has none of them; else as the command has it.
    """
    for command, arguments in commands[:-1]:
        try:
            return client.execute(command, arguments, timeout=timeout)
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
    command, arguments = commands[-1]
    return client.execute(command, arguments, timeout=timeout)


def next_event(events: Events[Event], timeout: float | None) -> Event | None:
    """Return the next event, None if none comes in time."""
    try:
        return events.next(timeout)
    except TimeoutError:
        return None


def watchful_pause(channel: AnyChannel, seconds: float | None) -> None:
    """Wait for some time; raise if the connection ends meanwhile."""
    channel.wait(lambda: False, Deadline(seconds or 0.0))
