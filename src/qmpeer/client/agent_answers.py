"""A guest agent's answers, each read as what it should be: the guest decides what it says."""

from typing import Annotated, Protocol

import msgspec

from qmpeer.client.answers import read_answer, read_base64
from qmpeer.errors import AnswerError


class Readable(Protocol):
    """What can be read from, such as a file that was opened in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


class Writable(Protocol):
    """What can be written to, such as a file that was opened in binary mode."""

    def write(self, data: bytes, /) -> object:
        """Take in some bytes."""


class AgentCommand(msgspec.Struct, frozen=True):
    """What an agent tells of one of its commands.

    Attributes:
        name: Its name.
        is_enabled: It may be executed.
        answers_success: Its success is answered; else only its failure is.
    """

    name: str
    is_enabled: bool
    answers_success: bool


class AgentInfo(msgspec.Struct, frozen=True):
    """What an agent is.

    Attributes:
        version: Its version.
        commands: Its commands by name.
    """

    version: str
    commands: dict[str, AgentCommand]


class Executed(msgspec.Struct, frozen=True):
    """How a program in the guest ended.

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


class _Supported(msgspec.Struct, rename="kebab"):
    name: str
    enabled: bool | None = True
    success_response: bool | None = True


class _Info(msgspec.Struct):
    version: str | None = None
    supported_commands: list[_Supported] | None = None


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


class _Part(msgspec.Struct, rename="kebab"):
    buf_b64: str
    eof: bool


class _Written(msgspec.Struct):
    count: int


def read_info(answer: object) -> AgentInfo:
    """Read the answer to guest-info."""
    said = read_answer("guest-info", answer, _Info, "an object with a version and commands")
    commands = (
        AgentCommand(each.name, each.enabled is not False, each.success_response is not False)
        for each in said.supported_commands or ()
    )
    return AgentInfo(said.version or "", {each.name: each for each in commands})


def read_pid(answer: object) -> int:
    """Read the answer to guest-exec."""
    return read_answer("guest-exec", answer, _Begun, "an object with a pid, an integer").pid


def read_executed(answer: object) -> Executed | None:
    """Read the answer to guest-exec-status; None if the program hasn't ended."""
    command = "guest-exec-status"
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


def read_handle(answer: object) -> int:
    """Read the answer to guest-file-open."""
    return read_answer("guest-file-open", answer, int, "a handle, an integer")


def read_part(answer: object) -> tuple[bytes, bool]:
    """Read the answer to guest-file-read: some bytes, and whether they are the last."""
    part = read_answer("guest-file-read", answer, _Part, "an object with buf-b64 and eof")
    return read_base64("guest-file-read", answer, part.buf_b64), part.eof


def read_written(answer: object, most: int) -> int:
    """Read the answer to guest-file-write: how many bytes were written, of so many."""
    written = read_answer("guest-file-write", answer, _Written, "an object with a count")
    if not 0 <= written.count <= most:
        raise AnswerError("guest-file-write", answer, f"a count up to {most}")
    return written.count


def read_count(command: str, answer: object) -> int:
    """Read the answer to a command about file systems: how many they are."""
    kind = Annotated[int, msgspec.Meta(ge=0)]
    count: int = read_answer(command, answer, kind, "a number of file systems")
    return count
