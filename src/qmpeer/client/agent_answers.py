"""Typed answers of a guest agent. The guest isn't trusted: each answer is checked."""

from typing import Annotated, Protocol

import msgspec

from qmpeer.client.answers import read_answer, read_base64
from qmpeer.errors import AnswerError


class Readable(Protocol):
    """A source of bytes, such as a file opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, b"" at the end."""


class Writable(Protocol):
    """A destination of bytes, such as a file opened in binary mode."""

    def write(self, data: bytes, /) -> object:
        """Write some bytes."""


class AgentCommand(msgspec.Struct, frozen=True):
    """A command of a guest agent, as guest-info lists it.

    Attributes:
        name: Its name.
        is_enabled: True if it may be executed.
        answers_success: True if the agent answers when the command succeeds; otherwise it answers
            failures only.
    """

    name: str
    is_enabled: bool
    answers_success: bool


class AgentInfo(msgspec.Struct, frozen=True):
    """A guest agent's version and commands, as guest-info returns them.

    Attributes:
        version: The agent's version.
        commands: The agent's commands, by name.
    """

    version: str
    commands: dict[str, AgentCommand]


class Executed(msgspec.Struct, frozen=True):
    """The result of a program that ran in the guest.

    Attributes:
        exit_code: Its exit code, up to 32 bits on Windows; None if a signal ended it.
        signal: The signal that ended it, or None; on Windows the exception code.
        stdout: Its standard output, up to the 16 MiB that the agent keeps.
        stderr: Its standard error, up to the same limit.
        is_truncated: True if the output was longer than the agent keeps.
    """

    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    is_truncated: bool


class _SupportedCommand(msgspec.Struct, rename="kebab"):
    name: str
    enabled: bool | None = True
    success_response: bool | None = True


class _InfoAnswer(msgspec.Struct):
    version: str | None = None
    supported_commands: list[_SupportedCommand] | None = None


class _ExecAnswer(msgspec.Struct):
    pid: int


class _ExecStatus(msgspec.Struct, rename="kebab"):
    exited: bool
    exitcode: int | None = None
    signal: int | None = None
    out_data: str | None = None
    err_data: str | None = None
    out_truncated: bool | None = None
    err_truncated: bool | None = None


class _ReadAnswer(msgspec.Struct, rename="kebab"):
    buf_b64: str
    eof: bool


class _WriteAnswer(msgspec.Struct):
    count: int


def read_info(answer: object) -> AgentInfo:
    """Read the answer to guest-info."""
    info = read_answer("guest-info", answer, _InfoAnswer, "an object with a version and commands")
    commands = (
        AgentCommand(each.name, each.enabled is not False, each.success_response is not False)
        for each in info.supported_commands or ()
    )
    return AgentInfo(info.version or "", {each.name: each for each in commands})


def read_pid(answer: object) -> int:
    """Read the answer to guest-exec."""
    return read_answer("guest-exec", answer, _ExecAnswer, "an object with a pid, an integer").pid


def read_executed(answer: object) -> Executed | None:
    """Read the answer to guest-exec-status; None if the program hasn't ended."""
    command = "guest-exec-status"
    status = read_answer(command, answer, _ExecStatus, "an object with exited, a boolean")
    if not status.exited:
        return None
    signal = status.signal or None  # 0 means no signal
    return Executed(
        exit_code=status.exitcode if signal is None else None,
        signal=signal,
        stdout=read_base64(command, answer, status.out_data or ""),
        stderr=read_base64(command, answer, status.err_data or ""),
        is_truncated=bool(status.out_truncated or status.err_truncated),
    )


def read_handle(answer: object) -> int:
    """Read the answer to guest-file-open."""
    return read_answer("guest-file-open", answer, int, "a handle, an integer")


def read_chunk(answer: object) -> tuple[bytes, bool]:
    """Read the answer to guest-file-read: the bytes, and True at the end of the file."""
    part = read_answer("guest-file-read", answer, _ReadAnswer, "an object with buf-b64 and eof")
    return read_base64("guest-file-read", answer, part.buf_b64), part.eof


def read_written(answer: object, most: int) -> int:
    """Read the answer to guest-file-write: the number of bytes written, at most `most`."""
    written = read_answer("guest-file-write", answer, _WriteAnswer, "an object with a count")
    if not 0 <= written.count <= most:
        raise AnswerError("guest-file-write", answer, f"a count up to {most}")
    return written.count


def read_count(command: str, answer: object) -> int:
    """Read the answer to a freeze or thaw command: the number of file systems."""
    kind = Annotated[int, msgspec.Meta(ge=0)]
    count: int = read_answer(command, answer, kind, "a number of file systems")
    return count
