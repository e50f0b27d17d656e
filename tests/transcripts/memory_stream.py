"""A stream that ends in memory: what was written is kept, nothing is read."""

from collections.abc import Sequence

from qmpeer.transport.aio import Stream

__all__ = ["MemoryStream"]


class MemoryStream(Stream):
    """Keep what is written."""

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
        """None: all is sent at once."""
        return 0

    @property
    def peer(self) -> str:
        """Who is at the other end."""
        return "memory"
