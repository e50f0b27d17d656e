"""Cutting a stream into values: any chunks give the same pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.faults.cutter import Part, ValueCutter


def cut(chunks: list[bytes]) -> tuple[list[bytes], bytes, bytes]:
    """Return the values, the gaps, and the value that hasn't ended."""
    cutter, values, gaps, open_value = ValueCutter(), list[bytes](), b"", b""
    for chunk in chunks:
        pieces = cutter.cut(chunk)
        assert b"".join(piece for _, piece in pieces) == chunk
        for part, piece in pieces:
            if part is Part.GAP:
                gaps += piece
                continue
            open_value += piece
            if part is Part.LAST:
                values.append(open_value)
                open_value = b""
    assert cutter.is_inside is bool(open_value)
    return values, gaps, open_value


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b'{"a": 1}\r\n{"b": 2}\r\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'{"a": 1}{"b": 2}', [b'{"a": 1}', b'{"b": 2}']),
        (b"{}[]", [b"{}", b"[]"]),
        (b'{"a": "}{"}', [b'{"a": "}{"}']),
        (b'{"a": "\\"}"}', [b'{"a": "\\"}"}']),
        (b'{"a": "\\\\"}', [b'{"a": "\\\\"}']),
        (b"{'a': '\"}', 'b': 'it\\'s}'}", [b"{'a': '\"}', 'b': 'it\\'s}'}"]),
        (b'{\r\n    "a": {\r\n    }\r\n}\r\n', [b'{\r\n    "a": {\r\n    }\r\n}']),
        (b'\xff\xff{"a": 1}', [b'{"a": 1}']),
        (b'{"a": "\n{"b": 2}', [b'{"a": "', b'{"b": 2}']),  # a string can't hold a line end
        (b'{"a": "\\\n{"b": 2}', [b'{"a": "\\', b'{"b": 2}']),
        (b"}]garbage[1]", [b"[1]"]),
        (b'{"a": "\xc3\x28"}', [b'{"a": "\xc3\x28"}']),
        (b'{"a": [[{}]]} 7 "x"', [b'{"a": [[{}]]}']),
    ],
)
def test_values(data: bytes, values: list[bytes]) -> None:
    assert cut([data])[0] == values
    assert cut([bytes([byte]) for byte in data])[0] == values


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict | list))


@pytest.mark.property
@given(st.lists(JSON, max_size=2), st.booleans(), st.booleans(), st.integers(1, 7))
def test_json_values_are_found(
    values: list[object], is_pretty: bool, is_ascii: bool, size: int
) -> None:
    texts = [
        json.dumps(value, indent=4 if is_pretty else None, ensure_ascii=is_ascii).encode(
            errors="surrogatepass"
        )
        for value in values
    ]
    data = b"\r\n".join(texts)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert cut(chunks)[0] == texts


@pytest.mark.property
@given(st.lists(st.sampled_from([b"{", b"}", b'"', b"\\", b"'", b"[", b"\n", b"a", b"\x7f"])))
def test_any_bytes_in_any_chunks_give_the_same(bytes_: list[bytes]) -> None:
    data = b"".join(bytes_)
    assert cut([data]) == cut(bytes_)
    assert cut([data[:5], data[5:]]) == cut(bytes_)
