"""What is done by way of a guest agent, decided without I/O.

Theory of operation.  Nobody says hello here, the agent may not run, or its guest not, and it may be
restarted while our connection stays. What it answers the guest decides: each answer is read as what
it should be, or raises AnswerError. Each thing that is done begins with a synchronization, in a
few seconds: who is there answers, and what was left of anything before is passed over by both ends.
That is what tells an agent that doesn't answer from a command that takes its time, whose deadline
may then be long. Where the connection was lost, a new one is made in those few seconds; a command
that was sent is never repeated, as its outcome is unknown, but for thawing, which does no harm.

Spec: QEMU, qga/qapi-schema.json.
"""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

import msgspec

from qmpeer import limits
from qmpeer.client.answers import read_answer, read_base64
from qmpeer.client.steps import Connect, Countdown, Course, Execute, Pause, Send, Synchronize
from qmpeer.errors import (
    AnswerError,
    CommandError,
    CommandInterrupted,
    ConnectionClosed,
    LimitError,
)
from qmpeer.values import JsonObject, JsonValue

__all__ = [
    "AgentCommand",
    "AgentInfo",
    "Executed",
    "Readable",
    "Writable",
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


class Readable(Protocol):
    """What can be read from, such as a file that was opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


class Writable(Protocol):
    """What can be written to, such as a file that was opened in binary mode."""

    def write(self, data: bytes, /) -> object:
        """Take in some bytes."""


class AgentCommand(msgspec.Struct, frozen=True):
    """Say what an agent tells of one of its commands.

    Attributes:
        name: Its name.
        is_enabled: It may be executed.
        answers_success: Its success is answered; else only its failure is.
    """

    name: str
    is_enabled: bool
    answers_success: bool


class AgentInfo(msgspec.Struct, frozen=True):
    """Say what an agent is.

    Attributes:
        version: Its version.
        commands: Its commands by name.
    """

    version: str
    commands: dict[str, AgentCommand]


class Executed(msgspec.Struct, frozen=True):
    """Say how a program in the guest ended.

    Attributes:
        exit_code: What it returned, on Windows any 32 bits; None where a signal ended it.
        signal: The signal that ended it, or None; on Windows the exception's code.
        stdout: What it wrote there, as far as the agent kept it (16 MiB).
        stderr: What it wrote there, likewise.
        is_truncated: The agent didn't keep all of it.
    """

    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    is_truncated: bool


# Being in contact


def synchronize(countdown: Countdown, most: float | None = None) -> Course[None]:
    """Make sure that the agent is there, and that what it says from here on is said to us.

    Args:
        countdown: The deadline of all that is to be done.
        most: Seconds for this, if fewer remain; None for `limits.AGENT_PRESENCE`.

    Raises:
        TimeoutError: If it doesn't answer.
        ConnectionClosed: If there is no connection to it.
        OSError: If there can't be one.
    """
    seconds = countdown.remaining(limits.AGENT_PRESENCE if most is None else most) or 0.0
    presence = Countdown(seconds)
    while True:
        yield Connect(presence.remaining())
        try:
            yield from _synchronize_once(presence)
            return
        except (CommandInterrupted, ConnectionClosed):
            if presence.is_over:
                raise
            yield from _pause(presence, limits.AGENT_POLL)  # it is being restarted
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


def first_contact(countdown: Countdown) -> Course[None]:
    """Wait until the agent answers: what is said before it has opened its port may be lost."""
    while True:
        try:
            yield from synchronize(countdown, limits.AGENT_RETRY)
            return
        except TimeoutError as error:
            if countdown.is_over:
                raise TimeoutError(
                    f"the guest agent hasn't answered in {countdown.timeout:.4g} s: "
                    f"it may not run, or another client hold its port{_what_came(error)}"
                ) from None


def _pause(countdown: Countdown, seconds: float) -> Course[None]:
    yield Pause(countdown.remaining(seconds) or 0.0, is_watchful=False)


def _synchronize_once(presence: Countdown) -> Course[None]:
    try:
        yield Synchronize("guest-sync-delimited", _number(), presence.remaining())
    except CommandError:  # before QEMU 1.1, or forbidden to us
        yield Synchronize("guest-sync", _number(), presence.remaining())


def _number() -> int:
    return int.from_bytes(os.urandom(4), "little") >> 1


def execute(command: str, arguments: JsonObject | None, countdown: Countdown) -> Course[Any]:
    """Execute a command of the agent that answers."""
    yield from synchronize(countdown)
    return (yield Execute(command, arguments, countdown.remaining()))


def send(command: str, arguments: JsonObject | None, countdown: Countdown) -> Course[None]:
    """Execute a command of the agent that answers its failure only."""
    yield from synchronize(countdown)
    yield Send(command, arguments, countdown.remaining())


class _Supported(msgspec.Struct, rename="kebab"):
    name: str
    enabled: bool | None = True
    success_response: bool | None = True


class _Info(msgspec.Struct):
    version: str | None = None
    supported_commands: list[_Supported] | None = None


def info(countdown: Countdown) -> Course[AgentInfo]:
    """Ask what the agent is."""
    answer = yield from execute("guest-info", None, countdown)
    said = read_answer("guest-info", answer, _Info, "an object with a version and commands")
    commands = (
        AgentCommand(each.name, each.enabled is not False, each.success_response is not False)
        for each in said.supported_commands or ()
    )
    return AgentInfo(said.version or "", {each.name: each for each in commands})


# Programs


class _Begun(msgspec.Struct):
    pid: int


class _Status(msgspec.Struct, rename="kebab"):
    exited: bool
    exitcode: int | None = None
    signal: int | None = None
    out_data: str | None = None
    err_data: str | None = None
    out_truncated: bool | None = None
    err_truncated: bool | None = None


def run(
    argv: Sequence[str],
    env: Mapping[str, str] | None,
    input: bytes | None,
    captures: bool,
    countdown: Countdown,
) -> Course[Executed]:
    """Run a program in the guest until it ends; at the deadline it goes on by itself."""
    arguments: JsonObject = {"path": argv[0], "arg": list(argv[1:]), "capture-output": captures}
    if env is not None:
        arguments["env"] = [f"{name}={value}" for name, value in env.items()]
    if input is not None:
        arguments["input-data"] = b64encode(input).decode()
    answer = yield from execute("guest-exec", arguments, countdown)
    pid = read_answer("guest-exec", answer, _Begun, "an object with a pid, an integer").pid
    delay = limits.AGENT_POLL
    try:
        while True:
            status = yield from _look_at(argv[0], pid, countdown)
            if status is not None:
                return status
            yield Pause(countdown.remaining(delay) or 0.0)
            delay = min(2 * delay, limits.AGENT_POLL_MOST)
            if countdown.is_over:
                raise TimeoutError(f"{argv[0]} hasn't ended in {countdown.timeout:.4g} s")
    except (AnswerError, TimeoutError, CommandInterrupted, ConnectionClosed) as error:
        error.add_note(f"{argv[0]} may go on in the guest, its pid is {pid}")
        raise


def _look_at(program: str, pid: int, countdown: Countdown) -> Course[Executed | None]:
    """Ask whether a program has ended, and how; an agent that is there answers that at once."""
    seconds = countdown.remaining(limits.AGENT_PRESENCE)
    command = "guest-exec-status"
    try:
        answer = yield Execute(command, {"pid": pid}, seconds)
    except TimeoutError:
        if countdown.is_over:
            reason = f"{program} hasn't ended in {countdown.timeout:.4g} s"
        else:
            reason = _no_answer(seconds or 0.0)
        raise TimeoutError(reason) from None
    status = read_answer(command, answer, _Status, "an object that says whether it has exited")
    if not status.exited:
        return None
    signal = status.signal or None  # 0 is none
    return Executed(
        exit_code=status.exitcode if signal is None else None,
        signal=signal,
        stdout=read_base64(command, answer, status.out_data or ""),
        stderr=read_base64(command, answer, status.err_data or ""),
        is_truncated=bool(status.out_truncated or status.err_truncated),
    )


# Files


class _Part(msgspec.Struct, rename="kebab"):
    buf_b64: str
    eof: bool


class _Written(msgspec.Struct):
    count: int


def _open(path: str, mode: str, countdown: Countdown) -> Course[int]:
    arguments: JsonObject = {"path": path, "mode": mode}
    answer = yield from execute("guest-file-open", arguments, countdown)
    return read_answer("guest-file-open", answer, int, "a handle, an integer")


def get_file(path: str, sink: Writable, most: int | None, countdown: Countdown) -> Course[int]:
    """Copy a file of the guest's; return its size.

    Raises:
        LimitError: If it is larger than so many bytes.
    """
    handle = yield from _open(path, "rb", countdown)
    size = 0
    try:
        while True:
            asked: JsonObject = {"handle": handle, "count": limits.AGENT_CHUNK}
            answer = yield Execute("guest-file-read", asked, countdown.remaining())
            part = read_answer("guest-file-read", answer, _Part, "an object with buf-b64 and eof")
            data = read_base64("guest-file-read", answer, part.buf_b64)
            size += len(data)
            if most is not None and size > most:
                reason = f"{path} is larger than {most} bytes"
                raise LimitError(reason, "AGENT_FILE", most)
            sink.write(data)
            if part.eof:
                break
            yield from _pause_unless(len(data), countdown)
    except BaseException as error:
        yield from _close_after(error, handle, countdown)
        raise
    yield Execute("guest-file-close", {"handle": handle}, countdown.remaining())
    return size


class _Memory:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)


def read_file(path: str, most: int, countdown: Countdown) -> Course[bytes]:
    """Return what a file of the guest's holds."""
    memory = _Memory()
    yield from get_file(path, memory, most, countdown)
    return b"".join(memory.parts)


def put_file(source: Readable, path: str, is_added: bool, countdown: Countdown) -> Course[int]:
    """Write a file of the guest's; return how many bytes were written."""
    handle = yield from _open(path, "ab" if is_added else "wb", countdown)
    size = 0
    try:
        while data := source.read(limits.AGENT_CHUNK):
            size += len(data)
            while data:  # an agent may write less than it was given
                text: JsonValue = b64encode(data).decode()
                asked: JsonObject = {"handle": handle, "buf-b64": text}
                answer = yield Execute("guest-file-write", asked, countdown.remaining())
                written = read_answer(
                    "guest-file-write", answer, _Written, "an object with a count"
                )
                if not 0 <= written.count <= len(data):
                    raise AnswerError("guest-file-write", answer, f"a count up to {len(data)}")
                data = data[written.count :]
                yield from _pause_unless(written.count, countdown)
        # What the guest's disk has no room for shows when it is written out.
        yield Execute("guest-file-flush", {"handle": handle}, countdown.remaining())
    except BaseException as error:
        yield from _close_after(error, handle, countdown)
        raise
    yield Execute("guest-file-close", {"handle": handle}, countdown.remaining())
    return size


def _pause_unless(is_moving: int, countdown: Countdown) -> Course[None]:
    """Wait a moment, as the agent had no data for us or no room for ours."""
    if not is_moving:
        yield Pause(countdown.remaining(limits.AGENT_POLL_MOST) or 0.0)
        if countdown.is_over:
            raise TimeoutError(f"the guest's file wasn't done in {countdown.timeout:.4g} s")


def _close_after(error: BaseException, handle: int, countdown: Countdown) -> Course[None]:
    """Close a file in the guest after something went wrong; if that can't be done, say so."""
    if isinstance(error, (GeneratorExit, ConnectionClosed, CommandInterrupted)):
        return
    try:
        yield from _ask_at_last(
            "guest-file-close", {"handle": handle}, _rest_of(countdown, limits.AGENT_PRESENCE)
        )
    except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError, OSError) as failure:
        error.add_note(f"the file stays open in the guest: {failure}")


# What is put right after something went wrong


def _rest_of(countdown: Countdown, most: float) -> Countdown:
    """Return what remains of the caller's deadline, or a moment if that is over."""
    return Countdown(max(countdown.remaining(most) or 0.0, limits.AGENT_LAST))


def _ask_at_last(command: str, arguments: JsonObject | None, countdown: Countdown) -> Course[Any]:
    """Execute a command that must not be left out; an agent that is slow does it in its turn."""
    yield Connect(countdown.remaining())
    try:
        yield from _synchronize_once(Countdown((countdown.remaining() or 0.0) / 2))
    except TimeoutError:
        pass
    return (yield Execute(command, arguments, countdown.remaining()))


# File systems

_THAW = "guest-fsfreeze-thaw"


def freeze(mountpoints: Sequence[str] | None, countdown: Countdown) -> Course[int]:
    """Freeze the guest's file systems; where it is unknown whether they are, thaw them.

    Thawing them takes no longer than the deadline: at its end it is asked for, and not waited for.

    Returns:
        How many are frozen.
    """
    command = "guest-fsfreeze-freeze" if mountpoints is None else "guest-fsfreeze-freeze-list"
    arguments: JsonObject = {} if mountpoints is None else {"mountpoints": list(mountpoints)}
    yield from synchronize(countdown)
    try:
        return _count(command, (yield Execute(command, arguments, countdown.remaining())))
    except BaseException as error:
        is_refused = isinstance(error, CommandError) and not isinstance(error, AnswerError)
        if is_refused or isinstance(error, GeneratorExit):
            raise  # the agent thaws what it froze before it failed
        try:
            yield from thaw_surely(_rest_of(countdown, limits.AGENT_THAW))
        except (CommandError, ConnectionClosed, CommandInterrupted, OSError) as failure:
            error.add_note(f"file systems may be frozen, they could not be thawed: {failure}")
        raise


def thaw(countdown: Countdown) -> Course[int]:
    """Thaw the guest's file systems; return how many were frozen."""
    return _count(_THAW, (yield from execute(_THAW, None, countdown)))


def thaw_surely(countdown: Countdown | None = None) -> Course[int]:
    """Thaw them, again and again while the agent can't be reached or doesn't answer."""
    countdown = Countdown(limits.AGENT_THAW) if countdown is None else countdown
    while True:
        # Each attempt has its own deadline: the agent may be restarted while we wait.
        attempt = Countdown(countdown.remaining(2 * limits.AGENT_PRESENCE))
        try:
            return _count(_THAW, (yield from _ask_at_last(_THAW, None, attempt)))
        except (ConnectionClosed, CommandInterrupted, OSError):  # TimeoutError is one
            if countdown.is_over:
                raise
            yield from _pause(countdown, limits.AGENT_POLL_MOST)


def freeze_status(countdown: Countdown) -> Course[str]:
    """Return "frozen" or "thawed"."""
    answer = yield from execute("guest-fsfreeze-status", None, countdown)
    return read_answer("guest-fsfreeze-status", answer, str, "frozen or thawed")


def _count(command: str, answer: object) -> int:
    kind = Annotated[int, msgspec.Meta(ge=0)]
    count: int = read_answer(command, answer, kind, "a number of file systems")
    return count
