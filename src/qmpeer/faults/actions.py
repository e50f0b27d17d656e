"""What a shell has to do for an engine, in order."""

from typing import TypeAlias

import msgspec

from qmpeer.faults.fault import Fault
from qmpeer.transcript.entries import Sender


class Send(msgspec.Struct, frozen=True):
    """Send bytes of one side, or bytes in its name, to the other side.

    Attributes:
        sender: The side whose bytes these are.
        data: The bytes.
        fds: Descriptors that travel with them; the shell closes them where it sends copies.
    """

    sender: Sender
    data: bytes
    fds: tuple[int, ...] = ()


class PauseReading(msgspec.Struct, frozen=True):
    """Read no more from a side."""

    sender: Sender


class ResumeReading(msgspec.Struct, frozen=True):
    """Read from a side again."""

    sender: Sender


class EndOutput(msgspec.Struct, frozen=True):
    """Tell the other side that a side's bytes have ended, after all of them were sent."""

    sender: Sender


class Close(msgspec.Struct, frozen=True):
    """End the whole connection. After it, only a `Discard` may come.

    Attributes:
        is_reset: Reset it, where the transport can.
    """

    is_reset: bool = False


class Discard(msgspec.Struct, frozen=True):
    """Close descriptors whose bytes were lost."""

    fds: tuple[int, ...]


class ToProcess(msgspec.Struct, frozen=True):
    """Do something to the server's process: the fault is a sigstop, sigkill or exit."""

    fault: Fault


class Happened(msgspec.Struct, frozen=True):
    """A fault has happened, for the log."""

    fault: Fault


Action: TypeAlias = (
    Send | PauseReading | ResumeReading | EndOutput | Close | Discard | ToProcess | Happened
)
