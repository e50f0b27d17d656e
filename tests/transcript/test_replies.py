"""libvirt's files of replies: read, written, and what they have no place for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import TranscriptError
from qmpeer.transcript import (
    Line,
    Sender,
    format_replies,
    format_transcript,
    parse_replies,
    parse_transcript,
)
from tests.corpus import RECORDINGS, SMALL, SMALL_RECORDINGS, corpus_path, json_values, own_and_real

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
FILE = """\
{
  "execute": "qmp_capabilities",
  "id": "libvirt-1"
}

{
  "return": {},
  "id": "libvirt-1"
}

{
  "execute": "qom-list",
  "arguments": {
    "path": "/\\u0041"
  },
  "id": "libvirt-2"
}

{
  "return": [
    1.50,
    [],
    {
      "a, b: [": "{ \\" }"
    }
  ],
  "id": "libvirt-2"
}
"""
LINES = """\
-> {"execute": "qmp_capabilities", "id": "libvirt-1"}
<- {"return": {}, "id": "libvirt-1"}
-> {"execute": "qom-list", "arguments": {"path": "/\\u0041"}, "id": "libvirt-2"}
<- {"return": [1.50, [], {"a, b: [": "{ \\" }"}], "id": "libvirt-2"}
"""


def test_each_value_is_a_line() -> None:
    for data in (FILE, FILE.encode(), "\ufeff" + FILE.replace("\n", "\r\n")):
        assert format_transcript(parse_replies(data)) == LINES


def test_a_file_is_written_as_it_was() -> None:
    assert format_replies(parse_replies(FILE, "f")) == (FILE, [])
    assert format_replies(parse_transcript(LINES)) == (FILE, [])


def test_empty_brackets_on_two_lines() -> None:
    old = FILE.replace("{}", "{\n  }").replace("[],", "[\n    ],")
    transcript = parse_replies(old)
    assert transcript.sections[0].facts == {"empty brackets": "on two lines"}
    assert format_replies(transcript) == (old, [])
    assert format_replies(parse_transcript(format_transcript(transcript))) == (old, [])


def test_another_indentation_keeps_its_lines() -> None:
    odd = FILE.replace('  "execute": "qom', '    "execute":"qom')
    transcript = parse_replies(odd)
    assert Line(CLIENT, b'    "execute":"qom-list",\n') in transcript.sections[0].entries
    assert format_replies(transcript) == (odd, [])


def test_replies_alone() -> None:
    alone = '{\n  "return": {}\n}\n\n{\n  "error": {\n    "class": "X"\n  }\n}\n'
    transcript = parse_replies(alone)
    assert all(
        isinstance(line, Line) and line.sender is SERVER for line in transcript.sections[0].entries
    )
    assert format_replies(transcript) == (alone, [])


def test_any_blank_lines() -> None:
    assert format_replies(parse_replies("\n" + FILE.replace("\n\n", "\n") + "\n\n")) == (FILE, [])
    assert parse_replies(" \n").sections == ()
    assert format_replies(parse_replies("")) == ("", [])


@pytest.mark.parametrize("name", own_and_real(SMALL_RECORDINGS, RECORDINGS))
def test_recordings(name: str) -> None:
    folder = SMALL if name in SMALL_RECORDINGS else corpus_path()
    path = folder / "replies" / f"caps_{name}.replies"
    data = path.read_bytes()
    transcript = parse_replies(data, path.name)
    written, lost = format_replies(transcript)
    assert lost == []
    assert [*json_values(written)] == [*json_values(data.decode())]
    if name not in SMALL_RECORDINGS:  # ours have another layout
        assert written.encode() == data
    text = format_transcript(transcript)
    assert parse_transcript(text) == transcript


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (FILE + "x\n", "f:29: found 'x', expected JSON: expecting value"),
        (FILE + "\n{\n  'a': 1\n}", "f:31: found '  'a': 1', expected JSON: expecting property"),
        ('{"a": 1}\n[]\n', "f:2: found '[]', expected a JSON object"),
        ('{"a": 1}\n\n{"a": ', "f:3: found '{\"a\": ', expected JSON: expecting value"),
        ('{"a":\n', "f:2: found the end, expected JSON: expecting value"),
        (b'{"a": 1}\n\xff', "f:2: found byte 0xff, expected UTF-8"),
        ("-> {}\n", "f:1: found '-> {}', expected JSON: expecting value"),
        ('{"a":' * 100_000, "f:1: found JSON that can't be read: nested too deep"),
        ('{}\n{"a": %s}' % ("1" * 10_000), "f:2: found JSON that can't be read: "),
    ],
)
def test_refused(data: str | bytes, complaint: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        parse_replies(data, "f")
    assert str(caught.value).startswith(complaint)


def test_a_long_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_SIZE", 10)
    with pytest.raises(TranscriptError, match="f: found more than 10 bytes"):
        parse_replies(FILE, "f")


SESSION = """\
# a session
# state: x
@ opened
<- {"QMP": {}}
-> {"execute": "qmp_capabilities"}
<- {"return": {}}
# a remark
-> {"execute": "a", "id": 1}
-> {"execute": "b", "id": 2}{"exec-oob": "c", "id": 3}
<- {"event": "STOP"}
<- {"event": "RESUME"}
<- {"return": 3, "id": 3}
<- {
<-     "return": 1, "id": 1
<- }
@ connection 2
@ noise from client x
-> \\xff{"execute":\\
-> "d"}\\
<- {"error": {"class": "X"}}
<- {"return": 9, "id": 9}
<- {"return": inf}
<- {"a":
"""


def test_losses() -> None:
    text, lost = format_replies(parse_transcript(SESSION, "f"))
    values = [json.loads(each) for each in text.split("\n\n")]
    assert values == [
        {"execute": "qmp_capabilities"},
        {"return": {}},
        {"execute": "a", "id": 1},
        {"return": 1, "id": 1},
        {"exec-oob": "c", "id": 3},
        {"return": 3, "id": 3},
        {"execute": "d"},
        {"error": {"class": "X"}},
    ]
    assert lost == [
        "1 title",
        "1 fact",
        "2 directives",
        "1 remark",
        "1 piece of noise",
        "2 messages that aren't JSON",
        "1 greeting",
        "2 events",
        "1 reply without a command",
        "1 border between conversations",
        "a command without a reply: b (line 9)",
    ]


_STRINGS = st.text('ab "\\:,{}[]é\n\u2028', max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_STRINGS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.property
@settings(max_examples=40)
@given(st.lists(st.tuples(_JSON, _JSON), max_size=3), st.booleans())
def test_round_trip(pairs: list[tuple[object, object]], is_ascii: bool) -> None:
    values = [
        value
        for number, (arguments, answer) in enumerate(pairs)
        for value in (
            {"execute": "x", "arguments": arguments, "id": number},
            {"return": answer, "id": number},
        )
    ]
    blocks = [json.dumps(value, indent=2, ensure_ascii=is_ascii) for value in values]
    text = "\n\n".join(blocks) + "\n" if blocks else ""
    assert format_replies(parse_replies(text)) == (text, [])
    lines = format_transcript(parse_replies(text))
    assert len(lines.splitlines()) == len(values)
    assert format_replies(parse_transcript(lines)) == (text, [])
