"""A filter fed with bytes in pieces, and two filters connected in memory."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from qmpeer import limits
from qmpeer.transport.filters import Filter


class Outcome(NamedTuple):
    """The results of one end; only the data and the end are the same for any chunking."""

    data: bytes
    output: bytes
    has_opened: bool
    has_ended: bool
    failure: str | None

    @property
    def seen(self) -> tuple[bytes, bool, bool, str | None]:
        return self.data, self.has_opened, self.has_ended, self.failure


def outcome(filter: Filter, chunks: Iterable[bytes]) -> Outcome:
    """Feed a filter that has been started."""
    data, output = bytearray(), bytearray()
    for chunk in chunks:
        pieces, reply = filter.receive(chunk)
        assert all(pieces)
        assert all(len(piece) <= limits.READ_SIZE for piece in pieces)
        data += b"".join(pieces)
        output += reply
    failure = _reason(filter)
    assert failure is None or (failure and "\n" not in failure)
    assert failure is None or not filter.is_open
    return Outcome(bytes(data), bytes(output), filter.has_opened, filter.has_ended, failure)


def each_byte(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut data into pieces of these sizes, and a last piece."""
    pieces, start = [], 0
    for size in sizes:
        if start >= len(data):
            break
        pieces.append(data[start : start + size])
        start += size
    return [*pieces, data[start:]] if start < len(data) else pieces


def started(make: Callable[[], Filter]) -> Filter:
    filter = make()
    filter.start()
    return filter


class Ends:
    """A client's and a server's filter that are each other's peer, with their received data."""

    def __init__(self, client: Filter, server: Filter) -> None:
        self.client, self.server = client, server
        self.client_data, self.server_data = bytearray(), bytearray()
        self.wire = bytearray()  # all that went either way
        self.exchange(client.start(), server.start())

    def exchange(self, from_client: bytes = b"", from_server: bytes = b"") -> None:
        """Exchange bytes until neither end sends any."""
        while from_client or from_server:
            self.wire += from_client + from_server
            pieces, to_client = self.server.receive(from_client)
            self.server_data += b"".join(pieces)
            pieces, from_client = self.client.receive(from_server)
            self.client_data += b"".join(pieces)
            from_server = to_client

    @property
    def failures(self) -> tuple[str | None, str | None]:
        return _reason(self.client), _reason(self.server)


def _reason(filter: Filter) -> str | None:
    return None if filter.failure is None else str(filter.failure)
