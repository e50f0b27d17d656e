"""The legal forms of a message, and edits of it: what a JSON parser makes of their bytes."""

import json
from itertools import islice
from typing import Any

import pytest

from qmpeer.conformance.clients import edits, forms
from qmpeer.conformance.clients.case import Edit, End, Form, Original, Pause, as_line

MESSAGE: dict[str, Any] = {
    "return": [{"a": {"b": [1, 2.5, None, True]}, "": "é😀\n"}, {}],
    "id": {"z": "x", "y": []},
}
REPLY: dict[str, Any] = {"return": {"running": True}, "id": 7}
FORMS: list[Form] = [
    as_line,
    forms.pretty,
    forms.compact,
    forms.spaced,
    forms.apart,
    forms.backwards,
    forms.escaped,
    forms.lf_only,
    forms.byte_by_byte,
]


def joined(pieces: Any) -> bytes:
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_keeps_the_value(form: Form) -> None:
    text = joined(form(MESSAGE))
    assert json.loads(text) == MESSAGE
    assert text.endswith(b"\n")


def test_forms_differ() -> None:
    assert len({joined(form(MESSAGE)) for form in FORMS[:-1]}) == len(FORMS) - 1


def test_byte_by_byte() -> None:
    pieces = list(forms.byte_by_byte({"x": "y" * 9000}))
    sizes = [len(piece) for piece in pieces if isinstance(piece, bytes)]
    assert pieces[1::2] == [Pause(0.0005)] * len(sizes)
    assert len(sizes) < 50
    assert sizes[:32] == [1] * 32
    assert sizes[-4:] == [1] * 4


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (REPLY, {"return": {"x-qmpeer-odd": [1], "running": True}, "id": 7}),
        ({"return": {}}, {"return": {"x-qmpeer-odd": [1]}}),
        ({"return": [], "id": 1}, {"x-qmpeer-odd": [1], "return": [], "id": 1}),
        ({"id": 1, "error": {}}, {"x-qmpeer-odd": [1], "id": 1, "error": {}}),
    ],
)
def test_a_value_is_put_into_a_reply(reply: Any, expected: Any) -> None:
    assert json.loads(joined(edits.with_value(b"[1]")(Original(reply)))) == expected


@pytest.mark.parametrize("id", ["x1", 7, {"a": "b", "c": [1, "d"]}, [None], None])
def test_an_id_in_other_bytes_is_the_same(id: Any) -> None:
    reply = {"return": {"id": 1}, "id": id}
    text = joined(edits.with_escaped_id(Original(reply)))
    assert json.loads(text) == reply
    assert json.dumps(id).encode() not in text or not isinstance(id, str)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (edits.before(b"x"), [b"x", REPLY]),
        (edits.behind(End.CLOSE), [REPLY, End.CLOSE]),
        (edits.instead(), []),
        (edits.after(2), [Pause(2), REPLY]),
        (edits.changed(edits.without_id), [{"return": {"running": True}}]),
        (edits.cut_at(0.5, End.RESET), [b'{"return": {"running', End.RESET]),
        (edits.error_reply("no", x=1), [{"id": 7, "x": 1, "error": "no"}]),
        (edits.endless((b"1", b"2"), begin=b"0"), [b"0", b"1", b"2", b"1", b"2"]),
    ],
)
def test_edits(edit: Edit, expected: list[Any]) -> None:
    assert list(islice(edit(Original(REPLY)), 5)) == expected
