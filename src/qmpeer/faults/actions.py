"""The actions of a shell, in the order in which the engine gives them."""

from typing import TypeAlias

import msgspec

from qmpeer.faults.conversation import Command
from qmpeer.faults.fault import Fault
from qmpeer.transcript.entries import Sender


class Send(msgspec.Struct, frozen=True):
    """Bytes of one side, or in its name, to send to the other side.

    Attributes:
        sender: The side whose bytes these are.
        data: The bytes.
        fds: Descriptors that travel with them; the shell closes them where it sends copies.
    """

    sender: Sender
    data: bytes
    fds: tuple[int, ...] = ()


class PauseReading(msgspec.Struct, frozen=True):
    """The end of reading from a side, for a while."""

    sender: Sender


class ResumeReading(msgspec.Struct, frozen=True):
    """The beginning of reading again."""

    sender: Sender


class EndOutput(msgspec.Struct, frozen=True):
    """The end of a side's bytes, after all of them were sent; the other side is told."""

    sender: Sender


class Close(msgspec.Struct, frozen=True):
    """The end of the whole connection. After it, only a `Discard` may come.

    Attributes:
        is_reset: Reset it, where the transport can.
    """

    is_reset: bool = False


class Discard(msgspec.Struct, frozen=True):
    """Descriptors to close, because their bytes were lost."""

    fds: tuple[int, ...]


class ToProcess(msgspec.Struct, frozen=True):
    """A fault of the server's process: a sigstop, sigkill or exit."""

    fault: Fault


class Happened(msgspec.Struct, frozen=True):
    """A fault that has happened, for the log."""

    fault: Fault


class Asked(msgspec.Struct, frozen=True):
    """A command that the client has sent, if the engine is live.

    Attributes:
        command: The command: its ``name``, ``arguments``, ``is_oob``, and its ``id`` as JSON bytes
            or None.
    """

    command: Command


Action: TypeAlias = (
    Send | PauseReading | ResumeReading | EndOutput | Close | Discard | ToProcess | Happened | Asked
)
