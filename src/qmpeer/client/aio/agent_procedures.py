"""What is done by way of a guest agent, step by step.

Theory of operation.  Nobody says hello here, the agent may not run, or its guest not, and it may be
restarted while our connection stays. What it answers the guest decides: each answer is read as what
it should be, or raises AnswerError. Each thing that is done begins with a synchronization, in a
few seconds: who is there answers, and what was left of anything before is passed over by both ends.
That is what tells an agent that doesn't answer from a command that takes its time, whose deadline
may then be long. Where the connection was lost, a new one is made in those few seconds; a command
that was sent is never repeated, as its outcome is unknown, but for thawing, which does no harm.

What is raised here may be anything, KeyboardInterrupt and cancellation too: files are closed and
file systems thawed before it goes on.

Spec: QEMU, qga/qapi-schema.json.
"""

import os
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from qmpeer import limits
from qmpeer.client.agent_answers import (
    AgentInfo,
    Executed,
    Readable,
    Writable,
    read_count,
    read_executed,
    read_handle,
    read_info,
    read_part,
    read_pid,
    read_written,
)
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.door import pause
from qmpeer.client.aio.procedures import Executor, watchful_pause
from qmpeer.client.answers import read_answer
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import (
    AnswerError,
    CommandError,
    CommandInterrupted,
    ConnectionClosed,
    LimitError,
)
from qmpeer.values import JsonObject

__all__ = [
    "Connect",
    "connect_by",
    "execute",
    "first_contact",
    "freeze",
    "freeze_status",
    "get_file",
    "info",
    "put_file",
    "read_file",
    "run",
    "send",
    "synchronize",
    "thaw",
    "thaw_surely",
]

Connect: TypeAlias = Callable[[float | None], Awaitable[AsyncChannel]]
"""Sees to it, within so many seconds, that there is a connection to the agent."""


def connect_by(client: Executor) -> Connect:
    """Return what has a client's connection, which doesn't negotiate."""

    async def connect(timeout: float | None) -> AsyncChannel:
        return await client._channel.connected(Deadline(timeout))

    return connect


async def _ask(
    channel: AsyncChannel, command: str, arguments: JsonObject | None, countdown: Countdown
) -> Any:
    return await channel.execute(command, arguments, countdown.remaining(), False, ())


# Being in contact


async def synchronize(
    connect: Connect, countdown: Countdown, most: float | None = None
) -> AsyncChannel:
    """Make sure that the agent is there, and that what it says from here on is said to us.

    Args:
        connect: Makes the connection.
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
        channel = await connect(presence.remaining())
        try:
            await _synchronize_once(channel, presence)
            return channel
        except (CommandInterrupted, ConnectionClosed):
            if presence.is_over:
                raise
            await _pause(presence, limits.AGENT_POLL)  # it is being restarted
        except TimeoutError as error:
            raise TimeoutError(_no_answer(seconds) + _what_came(error)) from None


def _what_came(error: TimeoutError) -> str:
    """Return what a deadline's error says of what came in place of an answer."""
    _, mark, found = str(error).partition("; ")
    return mark + found


def _no_answer(seconds: float) -> str:
    return (
        f"the guest agent hasn't answered in {seconds:.4g} s: "
        "it may not run, or its guest be stopped"
    )


async def first_contact(connect: Connect, countdown: Countdown) -> None:
    """Wait until the agent answers: what is said before it has opened its port may be lost."""
    while True:
        try:
            await synchronize(connect, countdown, limits.AGENT_RETRY)
            return
        except TimeoutError as error:
            if countdown.is_over:
                raise TimeoutError(
                    f"the guest agent hasn't answered in {countdown.timeout:.4g} s: "
                    f"it may not run, or another client hold its port{_what_came(error)}"
                ) from None


async def _pause(countdown: Countdown, seconds: float) -> None:
    await pause(countdown.remaining(seconds) or 0.0)


async def _synchronize_once(channel: AsyncChannel, presence: Countdown) -> None:
    try:
        await channel.synchronize("guest-sync-delimited", _number(), presence.remaining())
    except CommandError:  # before QEMU 1.1, or forbidden to us
        await channel.synchronize("guest-sync", _number(), presence.remaining())


def _number() -> int:
    return int.from_bytes(os.urandom(4), "little") >> 1


async def execute(
    connect: Connect, command: str, arguments: JsonObject | None, countdown: Countdown
) -> Any:
    """Execute a command of the agent that answers."""
    channel = await synchronize(connect, countdown)
    return await _ask(channel, command, arguments, countdown)


async def send(
    connect: Connect, command: str, arguments: JsonObject | None, countdown: Countdown
) -> None:
    """Execute a command of the agent that answers its failure only."""
    channel = await synchronize(connect, countdown)
    await channel.execute_silently(command, arguments, countdown.remaining())


async def info(connect: Connect, countdown: Countdown) -> AgentInfo:
    """Ask what the agent is."""
    return read_info(await execute(connect, "guest-info", None, countdown))


# Programs


async def run(
    connect: Connect,
    argv: Sequence[str],
    env: Mapping[str, str] | None,
    input: bytes | None,
    captures: bool,
    countdown: Countdown,
) -> Executed:
    """Run a program in the guest until it ends; at the deadline it goes on by itself."""
    arguments: JsonObject = {"path": argv[0], "arg": list(argv[1:]), "capture-output": captures}
    if env is not None:
        arguments["env"] = [f"{name}={value}" for name, value in env.items()]
    if input is not None:
        arguments["input-data"] = b64encode(input).decode()
    channel = await synchronize(connect, countdown)
    pid = read_pid(await _ask(channel, "guest-exec", arguments, countdown))
    delay = limits.AGENT_POLL
    try:
        while True:
            executed = await _look_at(channel, argv[0], pid, countdown)
            if executed is not None:
                return executed
            await watchful_pause(channel, countdown.remaining(delay))
            delay = min(2 * delay, limits.AGENT_POLL_MOST)
            if countdown.is_over:
                raise TimeoutError(f"{argv[0]} hasn't ended in {countdown.timeout:.4g} s")
    except (AnswerError, TimeoutError, CommandInterrupted, ConnectionClosed) as error:
        error.add_note(f"{argv[0]} may go on in the guest, its pid is {pid}")
        raise


async def _look_at(
    channel: AsyncChannel, program: str, pid: int, countdown: Countdown
) -> Executed | None:
    """Ask whether a program has ended, and how; an agent that is there answers that at once."""
    seconds = countdown.remaining(limits.AGENT_PRESENCE)
    try:
        answer = await channel.execute("guest-exec-status", {"pid": pid}, seconds, False, ())
    except TimeoutError:
        if countdown.is_over:
            reason = f"{program} hasn't ended in {countdown.timeout:.4g} s"
        else:
            reason = _no_answer(seconds or 0.0)
        raise TimeoutError(reason) from None
    return read_executed(answer)


# Files


async def _open(
    connect: Connect, path: str, mode: str, countdown: Countdown
) -> tuple[AsyncChannel, int]:
    channel = await synchronize(connect, countdown)
    answer = await _ask(channel, "guest-file-open", {"path": path, "mode": mode}, countdown)
    return channel, read_handle(answer)


async def get_file(
    connect: Connect, path: str, sink: Writable, most: int | None, countdown: Countdown
) -> int:
    """Copy a file of the guest's; return its size.

    Raises:
        LimitError: If it is larger than so many bytes.
    """
    channel, handle = await _open(connect, path, "rb", countdown)
    size = 0
    try:
        while True:
            asked: JsonObject = {"handle": handle, "count": limits.AGENT_CHUNK}
            data, is_last = read_part(await _ask(channel, "guest-file-read", asked, countdown))
            size += len(data)
            if most is not None and size > most:
                reason = f"{path} is larger than {most} bytes"
                raise LimitError(reason, "AGENT_FILE", most)
            sink.write(data)
            if is_last:
                break
            await _pause_unless(len(data), channel, countdown)
    except BaseException as error:
        await _close_after(error, connect, handle, countdown)
        raise
    await _ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


class _Memory:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)


async def read_file(connect: Connect, path: str, most: int, countdown: Countdown) -> bytes:
    """Return what a file of the guest's holds."""
    memory = _Memory()
    await get_file(connect, path, memory, most, countdown)
    return b"".join(memory.parts)


async def put_file(
    connect: Connect, source: Readable, path: str, is_added: bool, countdown: Countdown
) -> int:
    """Write a file of the guest's; return how many bytes were written."""
    channel, handle = await _open(connect, path, "ab" if is_added else "wb", countdown)
    size = 0
    try:
        while data := source.read(limits.AGENT_CHUNK):
            size += len(data)
            while data:  # an agent may write less than it was given
                asked: JsonObject = {"handle": handle, "buf-b64": b64encode(data).decode()}
                answer = await _ask(channel, "guest-file-write", asked, countdown)
                written = read_written(answer, len(data))
                data = data[written:]
                await _pause_unless(written, channel, countdown)
        # What the guest's disk has no room for shows when it is written out.
        await _ask(channel, "guest-file-flush", {"handle": handle}, countdown)
    except BaseException as error:
        await _close_after(error, connect, handle, countdown)
        raise
    await _ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


async def _pause_unless(is_moving: int, channel: AsyncChannel, countdown: Countdown) -> None:
    """Wait a moment, as the agent had no data for us or no room for ours."""
    if not is_moving:
        await watchful_pause(channel, countdown.remaining(limits.AGENT_POLL_MOST))
        if countdown.is_over:
            raise TimeoutError(f"the guest's file wasn't done in {countdown.timeout:.4g} s")


async def _close_after(
    error: BaseException, connect: Connect, handle: int, countdown: Countdown
) -> None:
    """Close a file in the guest after something went wrong; if that can't be done, say so."""
    if isinstance(error, (GeneratorExit, ConnectionClosed, CommandInterrupted)):
        return
    rest = _rest_of(countdown, limits.AGENT_PRESENCE)
    try:
        await _ask_at_last(connect, "guest-file-close", {"handle": handle}, rest)
    except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError, OSError) as failure:
        error.add_note(f"the file stays open in the guest: {failure}")


# What is put right after something went wrong


def _rest_of(countdown: Countdown, most: float) -> Countdown:
    """Return what remains of the caller's deadline, or a moment if that is over."""
    return Countdown(max(countdown.remaining(most) or 0.0, limits.AGENT_LAST))


async def _ask_at_last(
    connect: Connect, command: str, arguments: JsonObject | None, countdown: Countdown
) -> Any:
    """Execute a command that must not be left out; an agent that is slow does it in its turn."""
    channel = await connect(countdown.remaining())
    try:
        await _synchronize_once(channel, Countdown((countdown.remaining() or 0.0) / 2))
    except TimeoutError:
        pass
    return await _ask(channel, command, arguments, countdown)


# File systems

_THAW = "guest-fsfreeze-thaw"


async def freeze(connect: Connect, mountpoints: Sequence[str] | None, countdown: Countdown) -> int:
    """Freeze the guest's file systems; where it is unknown whether they are, thaw them.

    Thawing them takes no longer than the deadline: at its end it is asked for, and not waited for.

    Returns:
        How many are frozen.
    """
    command = "guest-fsfreeze-freeze" if mountpoints is None else "guest-fsfreeze-freeze-list"
    arguments: JsonObject = {} if mountpoints is None else {"mountpoints": list(mountpoints)}
    channel = await synchronize(connect, countdown)
    try:
        return read_count(command, await _ask(channel, command, arguments, countdown))
    except BaseException as error:
        is_refused = isinstance(error, CommandError) and not isinstance(error, AnswerError)
        if is_refused or isinstance(error, GeneratorExit):
            raise  # the agent thaws what it froze before it failed
        try:
            await thaw_surely(connect, _rest_of(countdown, limits.AGENT_THAW))
        except (CommandError, ConnectionClosed, CommandInterrupted, OSError) as failure:
            error.add_note(f"file systems may be frozen, they could not be thawed: {failure}")
        raise


async def thaw(connect: Connect, countdown: Countdown) -> int:
    """Thaw the guest's file systems; return how many were frozen."""
    return read_count(_THAW, await execute(connect, _THAW, None, countdown))


async def thaw_surely(connect: Connect, countdown: Countdown | None = None) -> int:
    """Thaw them, again and again while the agent can't be reached or doesn't answer."""
    countdown = Countdown(limits.AGENT_THAW) if countdown is None else countdown
    while True:
        # Each attempt has its own deadline: the agent may be restarted while we wait.
        attempt = Countdown(countdown.remaining(2 * limits.AGENT_PRESENCE))
        try:
            return read_count(_THAW, await _ask_at_last(connect, _THAW, None, attempt))
        except (ConnectionClosed, CommandInterrupted, OSError):  # TimeoutError is one
            if countdown.is_over:
                raise
            await _pause(countdown, limits.AGENT_POLL_MOST)


async def freeze_status(connect: Connect, countdown: Countdown) -> str:
    """Return "frozen" or "thawed"."""
    answer = await execute(connect, "guest-fsfreeze-status", None, countdown)
    return read_answer("guest-fsfreeze-status", answer, str, "frozen or thawed")
