"""Random JSON texts of all kinds, well-formed, odd and broken."""

import json
import random

from hypothesis import strategies as st

from qmpeer.values import JsonValue

__all__ = [
    "PIECES",
    "any_bytes",
    "chunks",
    "json_texts",
    "json_values",
    "mutated",
    "near_json",
    "odd_texts",
]

_ODD_NUMBERS = [
    *("0", "-0", "1", "-1", "0.0", "-0.0", "1.0", "1e2", "1E+2", "1e-2", "0.1"),
    *("0e1", "0E0", "00", "01", "-01", "-00", "1.", ".5", "1e", "1e+", "-", "--", "+1", "1.5e"),
    *("0.0e1", "10e1", "20E2", "0x10", "1_0", "00000000000000000000001", "12345678901"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("-9223372036854775809", "18446744073709551615", "18446744073709551616"),
    *("9007199254740993", "123456789012345678901234567890", "100000000000000000000000"),
    *("1e16", "1e400", "-1e400", "1e-400", "5e-324", "1.7976931348623157e308"),
    "0.30000000000000004",
]
_WORDS = [
    *("true", "false", "null", "nul", "truer", "inf", "nan", "NaN", "Infinity", "True", "a"),
    *("undefined", "truefalse", "t"),
]
_ODD_STRINGS = [
    *('""', '"a"', '"a"', '"b"', '"execute"', '"id"', '"arguments"', '"{"', '"}"', '"["', '","'),
    *('":"', '"[["', '"a b"', "'a'", "''", r"'\''", r"'\"'", r"'a\u0041'", "'%p'", r'"\'"'),
    *(r'"\u0041"', r'"\u0000"', r'"\ud834\udd1e"', r'"\uD800"', r'"\uDC00"', r'"\uD800\u0041"'),
    *(r'"\uD800\uD801"', r'"\ufffe"', r'"\uFFFF"', r'"\ufdd0"', r'"\uFDEF"', r'"\uFFFD"'),
    *(r'"\ud83f\udffe"', r'"\""', r'"\\"', r'"\/"', r'"\b\f\n\r\t"', r'"\a"', r'"\x41"', r'"\u12"'),
    *(r'"\uzzzz"', r'"\\u12"', '"\x7f"', '"\xe9"', '"€"', '"\U0001d11e"', '"\ufffe"'),
    *('"\U0010ffff"', '"\ufdd0"', '"\t"', '"a\x01"', '"a', "'", '"\\'),
]
_RAW_STRINGS = [
    b'"\xc0\x80"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\xfe"',
    b'"\xfd\xbf\xbf\xbf\xbf\xbf"',
    b'"\xf4\x90\x80\x80"',
    b'"\xe2\x82"',
    b'"\x80"',
    b'"a\\\xc3\xa9"',
    b'"\xf0\x9f\xbf\xbe"',
]
_SPACES = ["", "", "", "", " ", "\n", "\r\n", "\t", "  ", "\n\n", " \r"]
_JUNK = [
    b"@",
    b"\x00",
    b"\x01",
    b"\xff",
    b"\xfe",
    b"\xff\xff",
    b"#",
    b"A",
    b"\xef\xbb\xbf",
    b"=",
    b"%p",
]
PIECES = [
    *(text.encode() for text in (*_ODD_NUMBERS, *_WORDS, *_ODD_STRINGS, *"{}[]:,", " ", "\n")),
    *_RAW_STRINGS,
    *_JUNK,
    b'{"a":1}',
    b'{"a":[]}',
    b'{"execute":"x"}\n',
]

_characters = st.characters(codec="utf-8") | st.sampled_from("\x00\x7f\ufffe\ufdd0\"\\'{}[],:")
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(_characters, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(_characters, max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
"""Values that JSON can express and QEMU stores exactly."""


def _text(chance: random.Random, depth: int, *, is_odd: bool) -> str:
    """Return a JSON text of a value with random spaces, escapes and number formats."""

    def space() -> str:
        return chance.choice(_SPACES)

    kind = chance.randrange(10)
    if depth > 3 or kind < 3:
        if is_odd and chance.random() < 0.2:
            return chance.choice(_ODD_NUMBERS + _WORDS + _ODD_STRINGS)
        if chance.random() < 0.3:
            return chance.choice(_ODD_NUMBERS[:11])
        text = "".join(chance.choice('ab"\\é\x7f\n\U0001d11e/') for _ in range(chance.randrange(4)))
        return json.dumps(text, ensure_ascii=chance.random() < 0.8)
    if kind < 6:
        items = [_text(chance, depth + 1, is_odd=is_odd) for _ in range(chance.randrange(4))]
        return f"[{space()}{f'{space()},{space()}'.join(items)}{space()}]"
    names = [chance.choice("abcdefgh") for _ in range(chance.randrange(4))]
    if not is_odd or chance.random() < 0.8:
        names = list(dict.fromkeys(names))
    members = [
        f'"{name}"{space()}:{space()}{_text(chance, depth + 1, is_odd=is_odd)}' for name in names
    ]
    return f"{{{space()}{f'{space()},{space()}'.join(members)}{space()}}}"


def odd_texts(seed: int) -> bytes:
    """Return texts of objects with odd values in them."""
    return _texts(seed, is_odd=True)


def _object_text(chance: random.Random, *, is_odd: bool) -> str:
    text = _text(chance, 1, is_odd=is_odd)
    if chance.random() < 0.03:
        depth = chance.choice((500, 900, 1000, 1010, 1021, 1022, 1023, 1024, 1030))
        text = "[" * depth + text + "]" * depth
    member = chance.choice(("execute", "id", "a"))
    return f'{{"{member}":{text}}}'


def _texts(seed: int, *, is_odd: bool) -> bytes:
    chance = random.Random(seed)
    texts = [
        _object_text(chance, is_odd=is_odd) + chance.choice(_SPACES)
        for _ in range(chance.choice((1, 1, 1, 2, 3)))
    ]
    return ("".join(texts) + chance.choice(("", "\n", "\r\n"))).encode("utf-8", "surrogatepass")


def mutated(text: bytes, seed: int) -> bytes:
    """Return a text with bytes inserted, removed and moved."""
    chance = random.Random(seed)
    data = bytearray(text)
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        at = chance.randrange(len(data) + 1)
        piece = chance.choice(PIECES) if chance.random() < 0.7 else bytes([chance.randrange(256)])
        match chance.randrange(4):
            case 0:
                data[at:at] = piece
            case 1:
                del data[at : at + chance.choice((1, 1, 3))]
            case 2:
                data[at : at + len(piece)] = piece
            case 3:
                other = chance.randrange(len(data) + 1)
                data[at:at] = data[min(at, other) : max(at, other)][:200]
    return bytes(data)


_seeds = st.integers(0, 2**48)
json_texts = st.builds(lambda seed: _texts(seed, is_odd=False), _seeds)
"""Well-formed objects, one or several."""
_odd_texts = st.builds(odd_texts, _seeds)
near_json = st.builds(mutated, _odd_texts, _seeds)
"""Objects with odd values in them, and with bytes inserted, removed and moved."""
any_bytes = (
    near_json
    | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)
    | st.binary(max_size=60)
)
"""Any input that may come over a wire."""


def chunks(data: bytes, seed: int) -> list[bytes]:
    """Return bytes cut into random pieces."""
    chance = random.Random(seed)
    sizes = chance.choice(((1,), (1, 2, 3), (1, 5, 20), (7, 100, 1000)))
    pieces = []
    while data:
        size = chance.choice(sizes)
        pieces.append(data[:size])
        data = data[size:]
    return pieces
