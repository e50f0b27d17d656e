"""The cutting of a stream into values, whatever the chunks."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.recording.cutting import NO_VALUE, Cutter


def read(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text.lstrip(b"\xff"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NO_VALUE


def cut(*chunks: bytes, ends: bool = True) -> list[tuple[str, bytes]]:
    """Return the pieces of some chunks, each with its kind."""
    cutter = Cutter(read)
    pieces = [piece for chunk in chunks for piece in cutter.receive(chunk)]
    if ends:
        pieces += cutter.end()
        assert cutter.size == cutter.held == 0
    kinds = [
        "noise" if piece.is_noise else "blank" if piece.value is NO_VALUE else "value"
        for piece in pieces
    ]
    return list(zip(kinds, (piece.data for piece in pieces), strict=True))


CASES = {
    "lines": [("value", b'{"a": 1}\n'), ("value", b'{"a": 2}\r\n')],
    "no line end": [("value", b'{"a": 1}')],
    "blanks between": [("value", b"{}"), ("value", b" {}"), ("noise", b" x\n"), ("value", b"{} ")],
    "many on a line": [("value", b'{"a": 1}'), ("value", b'{"b": {}}'), ("value", b"{}\n")],
    "pretty": [("value", b'{\r\n    "return": {\r\n    }\r\n}\r\n'), ("value", b"{\n}\n")],
    "brackets in strings": [("value", b'{\n"a}": "}\\"}", "b": "\\\\"}\n')],
    "an array": [("value", b"[1,\n[2]]\n")],
    "FF before": [("value", b'\xff{"a": 1}\n'), ("value", b'\xff\xff {"a": 1}\n')],
    "blanks": [("blank", b"\n"), ("blank", b" \t\r\n"), ("value", b" {} \n"), ("blank", b"\xff\n")],
    "noise": [("noise", b"hello\r\n"), ("noise", b"HTTP "), ("value", b"{}\n"), ("noise", b"bye")],
    "a number": [("value", b"42\n"), ("value", b"{}\n")],
    "noise at the end": [("value", b"{}"), ("noise", b"x\n")],
    "closers": [("noise", b"}\n"), ("noise", b"]} x\n"), ("value", b"{}\n")],
    "no JSON": [("noise", b"{a}\n"), ("noise", b"[}\n"), ("value", b"{}\n")],
    "torn by a line end": [("noise", b'{"a": "b\n'), ("value", b"{}\n")],
    "torn by FF": [("noise", b'{"a": {"b'), ("value", b"\xff{}\n")],
    "torn outside of a string": [("noise", b'{"a": '), ("value", b"\xff{}\n")],
    "unfinished": [("value", b"{}\n"), ("noise", b'{"a": [1, 2]')],
    "unfinished escape": [("noise", b'{"a": "\\')],
    "single quotes": [("noise", b"{'a': '}'}\n"), ("value", b"{}\n")],
    "only blanks": [("blank", b"\n"), ("noise", b" ")],
}


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    expected = CASES[case]
    data = b"".join(text for _, text in expected)
    for size in (len(data), 1, 2, 3, 5):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert cut(*chunks) == expected, size


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b" ",
    b"\xff",
    b"1",
    b":",
    b"x",
]
PIECES += [b'{"a": {}}\n', b'{"a": "\\""}', b"{\n}\n"]


@pytest.mark.property
@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join), st.data())
def test_any_chunks_give_the_same(data: bytes, drawn: st.DataObject) -> None:
    whole = cut(data)
    assert b"".join(text for _, text in whole) == data
    places = drawn.draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    parts = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert cut(*parts) == whole
    assert cut(*(data[at : at + 1] for at in range(len(data)))) == whole


def test_a_value_is_out_with_its_line_end() -> None:
    assert cut(b"{}\n", ends=False) == [("value", b"{}\n")]
    assert cut(b"{}", ends=False) == []
    assert cut(b"{}", b"\r", ends=False) == []
    assert cut(b"{}", b"\r", b"\n", ends=False) == [("value", b"{}\r\n")]
    assert cut(b"{}", b"{", ends=False) == [("value", b"{}")]
    cutter = Cutter(read)
    assert not cutter.receive(b"{}")
    assert [piece.data for piece in cutter.settle()] == [b"{}"]
    assert cutter.settle() == []


def test_a_value_past_the_limit_is_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDED_VALUE", 100)
    cutter = Cutter(read)
    for _ in range(100):
        assert cutter.receive(b'["xxxxxxxx",\n') == []
        assert cutter.held <= 120
    (piece,) = cutter.receive(b"1" + b"]" * 100 + b"\n")
    assert (piece.data, piece.dropped) == (b"\n", 1401)
    assert [piece.data for piece in cutter.receive(b"{}\n")] == [b"{}\n"]
    cutter.receive(b'["' + b"x" * 200)
    (piece,) = cutter.end()
    assert (piece.data, piece.dropped) == (b"", 202)


def test_noise_without_a_line_end_is_bounded() -> None:
    cutter = Cutter(read)
    pieces = [piece for _ in range(10_000) for piece in cutter.receive(b"xyz")]
    assert cutter.held < 5000
    assert b"".join(piece.data for piece in [*pieces, *cutter.end()]) == b"xyz" * 10_000


@pytest.mark.parametrize(
    ("before", "repeated", "behind"),
    [
        pytest.param(b'{"a": "', b"x" * 10, b'"}', id="a long string"),
        pytest.param(b"[" * 30_000, b"[]", b"]" * 30_000, id="nested"),
        pytest.param(b'{"a": "', b"\\n", b'"}', id="escapes"),
        pytest.param(b"[", b'{"a": 1},\r\n', b"{}]", id="pretty"),
        pytest.param(b"x", b"\xff y", b"z\n", id="noise"),
    ],
)
def test_time_grows_in_proportion(before: bytes, repeated: bytes, behind: bytes) -> None:
    def seconds(count: int) -> float:
        text = before + repeated * count + behind
        cutter = Cutter(lambda text: NO_VALUE)
        start = time.thread_time()
        for at in range(0, len(text), 1000):
            cutter.receive(text[at : at + 1000])
        assert cutter.settle() or cutter.size == 0
        return time.thread_time() - start

    quarter = min(seconds(5_000) for _ in range(3))
    assert min(seconds(20_000) for _ in range(3)) < 8 * quarter + 0.02
