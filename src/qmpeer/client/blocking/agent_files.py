# Generated from aio/agent_files.py by scripts/blocking_client.py: `make fix` writes it anew.
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
from qmpeer.client.blocking.agent_contact import AgentContact, ask, rest_of
from qmpeer.client.blocking.channel import Channel
from qmpeer.client.blocking.procedures import watchful_pause
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, LimitError
from qmpeer.values import JsonObject


def _open(contact: AgentContact, path: str, mode: str, countdown: Countdown) -> tuple[Channel, int]:
    channel = contact.synchronize(countdown)
    answer = ask(channel, "guest-file-open", {"path": path, "mode": mode}, countdown)
    return channel, read_handle(answer)


def get_file(
    contact: AgentContact, path: str, sink: Writable, most: int | None, countdown: Countdown
) -> int:
    """Copy a file out of the guest; return its size.

    Raises:
        LimitError: If the file is larger than `most` bytes.
    """
    channel, handle = _open(contact, path, "rb", countdown)
    size = 0
    try:
        while True:
            arguments: JsonObject = {"handle": handle, "count": limits.AGENT_CHUNK}
            data, is_last = read_chunk(ask(channel, "guest-file-read", arguments, countdown))
            size += len(data)
            if most is not None and size > most:
                reason = f"{path} is larger than {most} bytes"
                raise LimitError(reason, "AGENT_FILE", most)
            sink.write(data)
            if is_last:
                break
            _pause_unless(len(data), channel, countdown)
    except BaseException as error:
        _close_after(error, contact, handle, countdown)
        raise
    ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


def put_file(
    contact: AgentContact, source: Readable, path: str, is_added: bool, countdown: Countdown
) -> int:
    """Write a file in the guest; return the number of bytes written."""
    channel, handle = _open(contact, path, "ab" if is_added else "wb", countdown)
    size = 0
    try:
        while data := source.read(limits.AGENT_CHUNK):
            size += len(data)
            while data:  # an agent may write only a part of them
                arguments: JsonObject = {"handle": handle, "buf-b64": b64encode(data).decode()}
                answer = ask(channel, "guest-file-write", arguments, countdown)
                written = read_written(answer, len(data))
                data = data[written:]
                _pause_unless(written, channel, countdown)
        # A full disk in the guest may only show when the file is flushed.
        ask(channel, "guest-file-flush", {"handle": handle}, countdown)
    except BaseException as error:
        _close_after(error, contact, handle, countdown)
        raise
    ask(channel, "guest-file-close", {"handle": handle}, countdown)
    return size


def _pause_unless(is_moving: int, channel: Channel, countdown: Countdown) -> None:
    """Pause if no data moved: the agent had none for us, or had no room for ours."""
    if not is_moving:
        watchful_pause(channel, countdown.remaining(limits.AGENT_POLL_MOST))
        if countdown.is_over:
            raise TimeoutError(f"the guest's file wasn't copied in {countdown.timeout:.4g} s")


def _close_after(
    error: BaseException, contact: AgentContact, handle: int, countdown: Countdown
) -> None:
    """Close a file in the guest after an error; add a note to the error if that fails."""
    if isinstance(error, (GeneratorExit, ConnectionClosed, CommandInterrupted)):
        return
    rest = rest_of(countdown, limits.AGENT_PRESENCE)
    try:
        contact.execute_at_last("guest-file-close", {"handle": handle}, rest)
    except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError, OSError) as failure:
        error.add_note(f"the file stays open in the guest: {failure}")
