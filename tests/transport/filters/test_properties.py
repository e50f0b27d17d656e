"""The fuzz targets with inputs from Hypothesis, 100,000 each in the long run."""

import pytest
from hypothesis import given, strategies

from tests.fuzzing import fuzz_target
from tests.transport.filters import targets
from tests.transport.filters.websocket_peer import frame, request

pytestmark = [pytest.mark.property, pytest.mark.timeout(0)]


_CUT = strategies.binary(min_size=1, max_size=1)
_COMMANDS = strategies.sampled_from(
    [bytes([255, code]) for code in range(239, 256)] + [b"\xff\xfa\x18", b"\xff\xf0", b"\xff"]
)
TELNET = strategies.lists(_COMMANDS | strategies.binary(max_size=6), max_size=20).map(b"".join)
FRAMES = strategies.lists(
    strategies.builds(
        frame,
        strategies.sampled_from([0, 1, 2, 8, 9, 10]) | strategies.integers(0, 15),
        strategies.binary(max_size=140) | strategies.text(max_size=40).map(str.encode),
        fin=strategies.sampled_from([True, True, False]),
        reserved=strategies.sampled_from([0] * 9 + [1]),
        is_masked=strategies.sampled_from([True] * 9 + [False]),
        announced=strategies.none() | strategies.integers(0, (1 << 64) - 1),
    )
    | strategies.binary(max_size=20),
    max_size=8,
).map(b"".join)
LINES = strategies.sampled_from(request().split(b"\r\n")) | strategies.binary(max_size=20)
UPGRADES = strategies.lists(LINES, max_size=12).map(b"\r\n".join)


@fuzz_target
@given(_CUT, TELNET | strategies.binary(max_size=200))
def test_telnet(size: bytes, data: bytes) -> None:
    targets.telnet(size + data)


@fuzz_target
@given(_CUT, FRAMES)
def test_websocket(size: bytes, data: bytes) -> None:
    targets.websocket(size + data)


@fuzz_target
@given(_CUT, UPGRADES | strategies.binary(max_size=200), FRAMES)
def test_upgrade(size: bytes, header: bytes, frames: bytes) -> None:
    targets.upgrade(size + header + b"\r\n\r\n" + frames)
