"""A stream in memory, for output only."""

from collections.abc import Sequence

from qmpeer.transport.aio import Stream

__all__ = ["MemoryStream"]


class MemoryStream(Stream):
    """A stream that stores its output."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Store some output."""
        self.written += data

    def take(self) -> bytes:
        """Return the output since the last call."""
        data = bytes(self.written)
        self.written.clear()
        return data

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    @property
    def unsent(self) -> int:
        """Always 0: all output is sent at once."""
        return 0

    @property
    def peer(self) -> str:
        """The address of the other end."""
        return "memory"
