"""Contact with a guest agent, made sure of before each thing that is done.

Theory of operation.  Nobody says hello here, the agent may not run, or its guest not, and it may be
restarted while our connection stays. What it answers the guest decides: each answer is read as what
it should be, or raises AnswerError. Each thing that is done begins with a synchronization, in a
few seconds: who is there answers, and what was left of anything before is passed over by both ends.
That is what tells an agent that doesn't answer from a command that takes its time, whose deadline
may then be long. Where the connection was lost, a new one is made in those few seconds; a command
that was sent is never repeated, as its outcome is unknown. Only thawing is: it does no harm.

Spec: QEMU, qga/qapi-schema.json.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.door import pause
from qmpeer.client.aio.procedures import Executor
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.values import JsonObject

Connect: TypeAlias = Callable[[float | None], Awaitable[AsyncChannel]]
"""Sees to it, within so many seconds, that there is a connection to the agent."""


def connect_by(client: Executor) -> Connect:
    """Return what has a client's connection, which doesn't negotiate."""

    async def connect(timeout: float | None) -> AsyncChannel:
        return await client._channel.connected(Deadline(timeout))

    return connect


async def ask(
    channel: AsyncChannel, command: str, arguments: JsonObject | None, countdown: Countdown
) -> Any:
    """Execute a command on a connection on which the agent is there."""
    return await channel.execute(command, arguments, countdown.remaining(), False, ())


class AsyncAgentContact:
    """What is said to a guest agent, each time after making sure that it is there.

    Args:
        connect: Makes the connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def synchronize(self, countdown: Countdown, most: float | None = None) -> AsyncChannel:
        """Make sure that the agent is there, and that what it says from here on is said to us.

        Args:
            countdown: The deadline of all that is to be done.
            most: Seconds for this, if fewer remain; None for `limits.AGENT_PRESENCE`.

        Returns:
            The connection on which it is there.

        Raises:
            TimeoutError: If it doesn't answer.
            ConnectionClosed: If there is no connection to it.
            OSError: If there can't be one.
        """
        seconds = countdown.remaining(limits.AGENT_PRESENCE if most is None else most) or 0.0
        presence = Countdown(seconds)
        while True:
            channel = await self._connect(presence.remaining())
            try:
                await _synchronize_once(channel, presence)
                return channel
            except (CommandInterrupted, ConnectionClosed):
                if presence.is_over:
                    raise
                await pause(presence.remaining(limits.AGENT_POLL) or 0.0)  # it is being restarted
            except TimeoutError as error:
                raise TimeoutError(no_answer(seconds) + _what_came(error)) from None

    async def first_contact(self, countdown: Countdown) -> None:
        """Wait until the agent answers: what is said before it has opened its port may be lost."""
        while True:
            try:
                await self.synchronize(countdown, limits.AGENT_RETRY)
                return
            except TimeoutError as error:
                if countdown.is_over:
                    raise TimeoutError(
                        f"the guest agent hasn't answered in {countdown.timeout:.4g} s: "
                        f"it may not run, or another client hold its port{_what_came(error)}"
                    ) from None

    async def execute(
        self, command: str, arguments: JsonObject | None, countdown: Countdown
    ) -> Any:
        """Execute a command of the agent that answers."""
        return await ask(await self.synchronize(countdown), command, arguments, countdown)

    async def send(self, command: str, arguments: JsonObject | None, countdown: Countdown) -> None:
        """Execute a command of the agent that answers its failure only."""
        channel = await self.synchronize(countdown)
        await channel.execute_silently(command, arguments, countdown.remaining())

    async def execute_at_last(
        self, command: str, arguments: JsonObject | None, countdown: Countdown
    ) -> Any:
        """Execute what must not be left out; an agent that is slow does it in its turn."""
        channel = await self._connect(countdown.remaining())
        try:
            await _synchronize_once(channel, Countdown((countdown.remaining() or 0.0) / 2))
        except TimeoutError:
            pass
        return await ask(channel, command, arguments, countdown)


async def _synchronize_once(channel: AsyncChannel, presence: Countdown) -> None:
    try:
        await channel.synchronize("guest-sync-delimited", _number(), presence.remaining())
    except CommandError:  # before QEMU 1.1, or forbidden to us
        await channel.synchronize("guest-sync", _number(), presence.remaining())


def _number() -> int:
    return int.from_bytes(os.urandom(4), "little") >> 1


def _what_came(error: TimeoutError) -> str:
    """Return what a deadline's error says of what came in place of an answer."""
    _, mark, found = str(error).partition("; ")
    return mark + found


def no_answer(seconds: float) -> str:
    """Return what is wrong with an agent that is silent."""
    return (
        f"the guest agent hasn't answered in {seconds:.4g} s: "
        "it may not run, or its guest be stopped"
    )


def rest_of(countdown: Countdown, most: float) -> Countdown:
    """Return what remains of the caller's deadline, or a moment if that is over."""
    return Countdown(max(countdown.remaining(most) or 0.0, limits.AGENT_LAST))
