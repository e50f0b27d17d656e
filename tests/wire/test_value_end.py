"""The end of a value: any chunks give the same ends, in linear time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.wire.value_end import ValueEnd
from tests.growth import assert_linear


def ends(*chunks: bytes) -> list[tuple[int, bool]]:
    """Return where values end, and whether torn; each begins at the next opening bracket."""
    end, found, before = ValueEnd(), list[tuple[int, bool]](), 0
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            if not end.is_inside and chunk[at] not in b"{[":
                at += 1
                continue
            at = end.find(chunk, at)
            if not end.is_inside:
                found.append((before + at, end.is_torn))
        before += len(chunk)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": [1, {}]} []', [(14, False), (17, False)]),
        (b'{\r\n"a": "}"\r\n}', [(14, False)]),
        (b'["]\\"]\\\\"]', [(10, False)]),
        (b"{'a': '\"}', 'b': 'it\\'s}'}", [(26, False)]),
        (b'["\xc3\x28"]', [(6, False)]),
        (b'{"a": "b\n{}', [(8, True), (11, False)]),
        (b'{"a": "b\\\n{}', [(9, True), (12, False)]),
        (b'{"a": "b\xff{}', [(8, True), (11, False)]),
        (b'{"a": "b\\\xff{}', [(9, True), (12, False)]),
        (b'{"a": \xfe{}', [(6, True), (9, False)]),
        (b'{"a": "}', []),
    ],
)
def test_ends(data: bytes, expected: list[tuple[int, bool]]) -> None:
    assert ends(data) == expected
    assert ends(*(bytes([byte]) for byte in data)) == expected


PIECES = [b"{", b"}", b'"', b"\\", b"'", b"[", b"\n", b"a", b"\xff", b'{"a": "\\""}']


@pytest.mark.property
@given(st.lists(st.sampled_from(PIECES)))
def test_any_chunks_give_the_same(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    assert ends(*chunks) == ends(data) == ends(data[:5], data[5:])


@pytest.mark.parametrize("piece", [b'{"', b"\\", b"[", b"'", b'"\\"', b'{"a": \'', b"\n{"])
def test_linear(piece: bytes) -> None:
    assert_linear(lambda size: ends(b"{" + piece * size), 2_000)
