# Generated from aio/agent_contact.py by scripts/blocking_client.py: `make fix` writes it anew.
"""Command execution through a guest agent, each command after a synchronization.

Theory of operation. A guest agent sends no greeting. The agent or its guest may not run, and the
agent may be restarted while our connection stays open. The guest isn't trusted: each answer is
checked, and one of the wrong form raises AnswerError.

Every operation starts with a synchronization, which has a few seconds: a running agent answers it,
and both ends discard what was left of earlier commands. This distinguishes a silent agent from a
slow command, so a command's own deadline may be long. A lost connection is made anew within those
few seconds. A command that was sent is never repeated, because its outcome is unknown. Thawing is
the exception: repeating it does no harm.

Spec: QEMU, qga/qapi-schema.json.
"""

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.client.blocking.channel import Channel
from qmpeer.client.blocking.primitives import pause
from qmpeer.client.blocking.procedures import CommandClient
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.values import JsonObject

Connect: TypeAlias = Callable[[float | None], Channel]
"""A function that returns a connection to the agent, within a timeout in seconds."""


def connect_by(client: CommandClient) -> Connect:
    """Return a `Connect` that uses the connection of a client that doesn't negotiate."""

    def connect(timeout: float | None) -> Channel:
        return client._channel.connected(Deadline(timeout))

    return connect


def ask(channel: Channel, command: str, arguments: JsonObject | None, countdown: Countdown) -> Any:
    """Execute a command on a synchronized connection."""
    return channel.execute(command, arguments, countdown.remaining(), False, ())


class AgentContact:
    """The commands sent to a guest agent, each after a synchronization.

    Args:
        connect: The function that makes the connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def synchronize(self, countdown: Countdown, most: float | None = None) -> Channel:
        """Synchronize with the agent, so that its next answers are ours.

        Args:
            countdown: The deadline of the whole operation.
            most: Seconds for the synchronization, at most; None for `limits.AGENT_PRESENCE`.

        Returns:
            The connection on which the agent answered.

        Raises:
            TimeoutError: If the agent doesn't answer.
            ConnectionClosed: If the connection ends.
            OSError: If no connection can be made.
        """
        seconds = countdown.remaining(limits.AGENT_PRESENCE if most is None else most) or 0.0
        presence = Countdown(seconds)
        while True:
            channel = self._connect(presence.remaining())
            try:
                _synchronize_once(channel, presence)
                return channel
            except (CommandInterrupted, ConnectionClosed):
                if presence.is_over:
                    raise
                pause(presence.remaining(limits.AGENT_POLL) or 0.0)  # it is restarting
            except TimeoutError as error:
                raise TimeoutError(no_answer(seconds) + _unexpected_input(error)) from None

    def first_contact(self, countdown: Countdown) -> None:
        """Wait until the agent answers. Retry: data sent before it opens its port may be lost."""
        while True:
            try:
                self.synchronize(countdown, limits.AGENT_RETRY)
                return
            except TimeoutError as error:
                if countdown.is_over:
                    raise TimeoutError(
                        f"the guest agent hasn't answered in {countdown.timeout:.4g} s: "
                        "it may not be running, or another client may hold its port"
                        f"{_unexpected_input(error)}"
                    ) from None

    def execute(self, command: str, arguments: JsonObject | None, countdown: Countdown) -> Any:
        """Execute a command that the agent answers."""
        return ask(self.synchronize(countdown), command, arguments, countdown)

    def send(self, command: str, arguments: JsonObject | None, countdown: Countdown) -> None:
        """Execute a command that the agent answers only if it fails."""
        channel = self.synchronize(countdown)
        channel.execute_silently(command, arguments, countdown.remaining())

    def execute_at_last(
        self, command: str, arguments: JsonObject | None, countdown: Countdown
    ) -> Any:
        """Execute a cleanup command even without synchronization; a slow agent runs it later."""
        channel = self._connect(countdown.remaining())
        try:
            _synchronize_once(channel, Countdown((countdown.remaining() or 0.0) / 2))
        except TimeoutError:
            pass
        return ask(channel, command, arguments, countdown)


def _synchronize_once(channel: Channel, presence: Countdown) -> None:
    try:
        channel.synchronize("guest-sync-delimited", _number(), presence.remaining())
    except CommandError:  # before QEMU 1.1, or forbidden to us
        # guest-sync lacks the delimiter FF, so stale input can't be discarded as reliably.
        channel.synchronize("guest-sync", _number(), presence.remaining())


def _number() -> int:
    # Random, so that no late answer to an earlier synchronization matches; 31 bits, which every
    # agent can store.
    return int.from_bytes(os.urandom(4), "little") >> 1


def _unexpected_input(error: TimeoutError) -> str:
    """Return the part of a timeout's message that describes unexpected input, or ""."""
    _, mark, found = str(error).partition("; ")
    return mark + found


def no_answer(seconds: float) -> str:
    """Return the error message for a silent agent."""
    return (
        f"the guest agent hasn't answered in {seconds:.4g} s: "
        "it may not be running, or its guest may be stopped"
    )


def rest_of(countdown: Countdown, most: float) -> Countdown:
    """Return a cleanup's countdown: the caller's remaining time, or a moment if that is over."""
    return Countdown(max(countdown.remaining(most) or 0.0, limits.AGENT_LAST))
