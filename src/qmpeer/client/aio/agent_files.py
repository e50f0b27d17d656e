"""File copies to and from a guest through its agent, one chunk at a time.

Whatever exception ends a copy (KeyboardInterrupt and cancellation included), the file is closed in
the guest before the exception continues.
"""

from base64 import b64encode

from qmpeer import limits
from qmpeer.client.agent_answers import (
    Readable,
    Writable,
    read_chunk,
    read_handle,
    read_written,
)
from qmpeer.client.aio.agent_contact import AsyncAgentContact, ask, rest_of
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.procedures import watchful_pause
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, LimitError
from qmpeer.values import JsonObject


async def _open(
    contact: AsyncAgentContact, path: str, mode: str, countdown: Countdown
) -> tuple[AsyncChannel, int]:
    channel = await contact.synchronize(countdown)
    answer = await ask(channel, "guest-file-open", {"path": path, "mode": mode}, countdown)
    return channel, read_handle(answer)


async def get_file(
    contact: AsyncAgentContact, path: str, sink: Writable, most: int | None, countdown: Countdown
) -> int:
    """Copy a file out of the guest; return its size.

    Raises:
        LimitError: If the file is larger than `most` bytes.
    """
    channel, handle = await _open(contact, path, "rb", countdown)
    size = 0
    try:
        while True:
            arguments: JsonObject = {"handle": handle, "count": limits.AGENT_CHUNK}
            data, is_last = read_chunk(await ask(channel, "guest-file-read", arguments, countdown))
            size += len(data)
            if most is not None and size > most:
                reason = f"{path} is larger than {most} bytes"
                raise LimitError(reason, "AGENT_FILE", most)
            sink.write(data)
            if is_last:
                break
            await _pause_unless(len(data), channel, countdown)
    except BaseException as error:
        await _close_after(error, contact, handle, countdown)
        raise
    await ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


async def put_file(
    contact: AsyncAgentContact, source: Readable, path: str, is_added: bool, countdown: Countdown
) -> int:
    """Write a file in the guest; return the number of bytes written."""
    channel, handle = await _open(contact, path, "ab" if is_added else "wb", countdown)
    size = 0
    try:
        while data := source.read(limits.AGENT_CHUNK):
            size += len(data)
            while data:  # an agent may write only a part of them
                arguments: JsonObject = {"handle": handle, "buf-b64": b64encode(data).decode()}
                answer = await ask(channel, "guest-file-write", arguments, countdown)
                written = read_written(answer, len(data))
                data = data[written:]
                await _pause_unless(written, channel, countdown)
        # A full disk in the guest may only show when the file is flushed.
        await ask(channel, "guest-file-flush", {"handle": handle}, countdown)
    except BaseException as error:
        await _close_after(error, contact, handle, countdown)
        raise
    await ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


async def _pause_unless(is_moving: int, channel: AsyncChannel, countdown: Countdown) -> None:
    """Pause if no data moved: the agent had none for us, or had no room for ours."""
    if not is_moving:
        await watchful_pause(channel, countdown.remaining(limits.AGENT_POLL_MOST))
        if countdown.is_over:
            raise TimeoutError(f"the guest's file wasn't copied in {countdown.timeout:.4g} s")


async def _close_after(
    error: BaseException, contact: AsyncAgentContact, handle: int, countdown: Countdown
) -> None:
    """Close a file in the guest after an error; add a note to the error if that fails."""
    if isinstance(error, (GeneratorExit, ConnectionClosed, CommandInterrupted)):
        return
    rest = rest_of(countdown, limits.AGENT_PRESENCE)
    try:
        await contact.execute_at_last("guest-file-close", {"handle": handle}, rest)
    except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError, OSError) as failure:
        error.add_note(f"the file stays open in the guest: {failure}")
