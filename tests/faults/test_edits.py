"""Edits of raw messages."""

import pytest

from qmpeer.faults.edits import with_id, with_invalid_utf8


@pytest.mark.parametrize(
    ("raw", "changed", "removed"),
    [
        (b'{"return": {}, "id": 7}', b'{"return": {}, "id": 9}', b'{"return": {}}'),
        (
            b'{"id": 7, "error": {"id": 3}}',
            b'{"id": 9, "error": {"id": 3}}',
            b'{"error": {"id": 3}}',
        ),
        (b'{"return": {"id": 1}}', b'{"return": {"id": 1}, "id": 9}', b'{"return": {"id": 1}}'),
        (b'{"id":{"a":[1,"}"]}}', b'{"id":9}', b"{}"),
        (
            b'{"return":"\\",\\"id\\":","id":"a"}',
            b'{"return":"\\",\\"id\\":","id":9}',
            b'{"return":"\\",\\"id\\":"}',
        ),
        (b'{\r\n    "id": 7\r\n}', b'{\r\n    "id": 9\r\n}', b"{\r\n    \r\n}"),
        (b"{'return': 1, 'id': 'x'}", b"{'return': 1, 'id': 9}", b"{'return': 1}"),
        (b"nothing", b"nothing", b"nothing"),
        (b'{"return": ', b'{"return": ', b'{"return": '),
    ],
)
def test_ids(raw: bytes, changed: bytes, removed: bytes) -> None:
    assert with_id(raw, b"9") == changed
    assert with_id(raw, None) == removed


@pytest.mark.parametrize("byte", [None, 0, 3, 14])
def test_bytes_that_are_not_utf8(byte: int | None) -> None:
    edited = with_invalid_utf8(b'{"return": {}}', byte)
    assert edited.replace(b"\xc3\x28\xfe", b"") == b'{"return": {}}'
    with pytest.raises(UnicodeDecodeError):
        edited.decode()
