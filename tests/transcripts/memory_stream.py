"""A stream in memory: it keeps what is written, and reads nothing."""

from collections.abc import Sequence

from qmpeer.transport.aio import Stream

__all__ = ["MemoryStream"]


class MemoryStream(Stream):
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Keep it."""
        self.written += data

    def take(self) -> bytes:
        """Return what was written since the last time."""
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
        """Always 0: everything is sent at once."""
        return 0

    @property
    def peer(self) -> str:
        """The name of the other end."""
        return "memory"
