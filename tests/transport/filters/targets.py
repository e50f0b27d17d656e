"""Fuzz targets: plain functions of bytes, which raise if a filter breaks a promise.

The first byte sets the sizes of the pieces of the rest. For any input in any pieces, nothing is
raised, the decoded data and the end are the same, and no answer is longer than the input.
"""

from collections.abc import Callable

from qmpeer.transport.filters import Filter, TelnetFilter
from tests.transport.filters.websocket_peer import request, server, upgraded
from tests.transport.filters.wires import Outcome, cut, each_byte, outcome, started


def telnet(data: bytes) -> None:
    """Decode the bytes of a telnet client."""
    rest = data[1:]
    for is_tn3270 in (False, True):

        def make(is_tn3270: bool = is_tn3270) -> Filter:
            return started(lambda: TelnetFilter(is_tn3270=is_tn3270))

        whole = _check_chunkings(make, data)
        assert whole.failure is None or len(rest) > 65536
        assert len(whole.data) + len(whole.output) <= len(rest)
        sent = make().send(rest)
        assert outcome(make(), [sent]).data == rest
        assert sent.count(b"\xff") == 2 * rest.count(b"\xff")


def upgrade(data: bytes) -> None:
    """Decode the bytes of a WebSocket client, the upgrade included."""
    whole = _check_chunkings(server, data)
    assert whole.failure is None or whole.output.startswith(b"HTTP/1.1 4") or whole.has_opened


def websocket(data: bytes) -> None:
    """Decode the bytes of a WebSocket client after the upgrade."""
    whole = _check_chunkings(upgraded, data)
    assert len(whole.data) <= len(data)
    assert len(whole.output) <= len(data) + 125
    behind = outcome(server(), [request() + data[1:]])
    assert behind.seen == whole.seen


def _check_chunkings(make: Callable[[], Filter], data: bytes) -> Outcome:
    size, rest = data[:1] or b"\0", data[1:]
    whole = outcome(make(), [rest] if rest else [])
    for chunks in (each_byte(rest), cut(rest, [size[0] + 1] * len(rest))):
        parts = outcome(make(), chunks)
        if whole.failure is not None and "can't decode" in whole.failure:
            # Text that is no UTF-8 may be handed on as far as it is some; its place is counted
            # from where its piece began.
            assert parts.data.startswith(whole.data)
            assert parts.failure is not None
        else:
            assert parts.seen == whole.seen
    return whole
