"""The search for an answer to query-qmp-schema in a file, and the errors without one."""

import json
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import SchemaSyntaxError
from qmpeer.sources.saved import find_answer, holds_answers

ANSWER: list[Any] = [
    {"name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
    {"name": "0", "meta-type": "object", "members": []},
]
TEXT = json.dumps(ANSWER)
REPLY = json.dumps({"return": ANSWER, "id": 1})
PRETTY = json.dumps({"return": ANSWER}, indent=4)

FORMS = {
    "alone": TEXT,
    "after blanks": f"\n\n \t{TEXT}\n\n",
    "indented": json.dumps(ANSWER, indent=2),
    "as a reply": REPLY,
    "indented as a reply": PRETTY,
    "after the greeting": f'{{"QMP": {{}}}}\r\n{{"return": {{}}}}\r\n{REPLY}\r\n',
    "among commands and replies": f'{{"execute": "stop"}}\n\n{PRETTY}\n\n{{"return": {{}}}}\n',
    "on one line with others": f"{{}}{REPLY}{{}}",
    "after replies that look alike": f'{{"return": []}} {{"return": [3]}} [{{"a": 1}}] {REPLY}',
    "before another": f'{REPLY} {{"return": [{{"name": "x", "meta-type": "event"}}]}}',
    "before what is no JSON": f"{REPLY}\n...",
    "in a transcript": f'-> {{ "execute": "query-qmp-schema" }}\n<- {REPLY}\n',
    "in a transcript with comments": f"# It begins.\n\n<- {{}}\n# And:\n<-{REPLY}\n",
    "in a recording": f"# a title\n\n@ opened\n<- {{}}\n@ time 1.5\n<- {REPLY}\n@ closed\n",
    "over several lines": f"<- {REPLY[:30]}\\\n<- {REPLY[30:]}\\\n",
    "from an agent": f"<- \\xff{REPLY}\\x0a\\\n",
    "indented in a transcript": "-> {}\n<- " + PRETTY.replace("\n", "\n   "),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_found(form: str) -> None:
    data = FORMS[form].encode()
    assert holds_answers(data)
    assert find_answer(data, "file") == ANSWER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[]", True, id="empty array"),
        pytest.param(' [ { "name": 1', True, id="array"),
        pytest.param("{}", True, id="empty object"),
        pytest.param('{"execute": 1}', True, id="object"),
        pytest.param("# a comment\n-> {}", True, id="transcript"),
        pytest.param("{ 'command': 'stop' }", False, id="QAPI"),
        pytest.param("##\n# @stop:\n#\n# -> { }\n##\n{ 'command': 'stop' }", False, id="example"),
        pytest.param("# -*- Mode: Python -*-\n", False, id="comment"),
        pytest.param("", False, id="nothing"),
        pytest.param("3", False, id="number"),
    ],
)
def test_json_is_told_from_qapi(text: str, expected: bool) -> None:
    assert holds_answers(text.encode()) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"[]", "f holds no answer to query-qmp-schema", id="empty array"),
        pytest.param(b"", "f holds no answer to query-qmp-schema", id="nothing"),
        pytest.param(b"[3]", "f holds no answer to query-qmp-schema", id="numbers"),
        pytest.param(
            b'[{"meta-type": "event"}, {}]', "f holds no answer to query-qmp-schema", id="one alien"
        ),
        pytest.param(
            b'{"return": {"meta-type": "event"}}',
            "f holds no answer to query-qmp-schema",
            id="no array",
        ),
        pytest.param(
            b'{"return": {}}\n  {"return": }',
            "f:2:14: this isn't JSON: expecting value",
            id="cut off",
        ),
        pytest.param(
            b'-> {"execute": "stop"}\n<- {"return": [}\n',
            "f:2:16: this isn't JSON: expecting value",
            id="in a transcript",
        ),
        pytest.param(
            b'# a\n-> {"execute": "stop"}\n@ time now\n<- {}\n',
            "f:3: found '@ time now', expected '@ time' and seconds",
            id="in a broken transcript",
        ),
        pytest.param(
            b'{"a": "\xc3"}', "f is neither JSON nor QAPI: byte 0xc3 at 7 is not UTF-8", id="UTF-8"
        ),
        pytest.param(b"[" * 100_000, "f is nested too deeply", id="nesting"),
        pytest.param(
            b"[%b]" % (b"1" * 10_000), "f holds a number with too many digits", id="digits"
        ),
    ],
)
def test_what_is_none_is_named(data: bytes, expected: str) -> None:
    with pytest.raises(SchemaSyntaxError) as caught:
        find_answer(data, "f")
    assert str(caught.value) == expected


def test_no_more_values_are_looked_at_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER_VALUES", 3)
    assert find_answer(f"{{}}{{}}{TEXT}".encode(), "f") == ANSWER
    with pytest.raises(SchemaSyntaxError, match="holds no answer"):
        find_answer(f"{{}}{{}}{{}}{TEXT}".encode(), "f")
