"""The format of transcripts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcripts.conversations import FILES
from tests.transcripts.reader import (
    Case,
    Line,
    Sender,
    Transcript,
    format_transcript,
    parse_transcript,
)

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER

LINES = [
    pytest.param("-> {}", Line(CLIENT, b"{}\n"), id="from the client, ended by LF"),
    pytest.param("<- {}", Line(SERVER, b"{}\r\n"), id="from the server, ended by CR LF"),
    pytest.param("-> 42\\", Line(CLIENT, b"42"), id="no line end"),
    pytest.param("<- {}\\x0a\\", Line(SERVER, b"{}\n"), id="another line end"),
    pytest.param("-> {}\\x0d", Line(CLIENT, b"{}\r\n"), id="CR LF from the client"),
    pytest.param("-> \\xff", Line(CLIENT, b"\xff\n"), id="a byte outside ASCII"),
    pytest.param("-> \\x5cx41", Line(CLIENT, b"\\x41\n"), id="what looks like an escape"),
    pytest.param("-> \\u0041", Line(CLIENT, b"\\u0041\n"), id="an escape of JSON's"),
    pytest.param("-> \\X41", Line(CLIENT, b"\\X41\n"), id="no escape"),
    pytest.param("-> \\x5c", Line(CLIENT, b"\\\n"), id="a backslash ends the line"),
    pytest.param("-> a \\x20", Line(CLIENT, b"a  \n"), id="a blank ends the line"),
    pytest.param("-> \\", Line(CLIENT, b""), id="nothing from the client"),
    pytest.param("-> \\x0a", Line(CLIENT, b"\n\n"), id="a newline of its own"),
    pytest.param("<-", Line(SERVER, b""), id="silence"),
]


@pytest.mark.parametrize(("text", "line"), LINES)
def test_line(text: str, line: Line) -> None:
    whole = f"# name\n{text}\n"
    assert parse_transcript(whole).cases == (Case("name", (line,)),)
    assert format_transcript(Transcript("", (Case("name", (line,)),))) == whole


def test_an_empty_line_of_the_client_is_a_newline() -> None:
    assert parse_transcript("# a\n-> \n").cases[0].lines == (Line(CLIENT, b"\n"),)


def test_heading_facts_and_order() -> None:
    text = "# On a subject,\n# at length.\n\n# one\n# state: greeted\n-> a\n<- b\n-> c\n"
    text += "\n# two\n-> d\n"
    transcript = parse_transcript(text)
    assert transcript.heading == "On a subject,\nat length."
    assert [case.name for case in transcript.cases] == ["one", "two"]
    assert transcript.cases[0].facts == {"state": "greeted"}
    assert [line.data for line in transcript.cases[0].lines] == [b"a\n", b"b\r\n", b"c\n"]
    assert format_transcript(transcript) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-> a\n", "line 1: a case begins with '# ' and its name"),
        ("# a\n-> b\n\n# c\n", "line 4: a case has no lines"),
        ("# a\n\n# b\n-> c\nd\n", "line 5: found 'd', expected '-> ' or '<- '"),
        ("# a\n->b\n", "line 2: found '->b', expected a blank and printable ASCII"),
        ("# a\n-> \xe9\n", "line 2: found '-> \xe9', expected a blank and printable ASCII"),
        ("# a\n-> b\n# state: late\n", "line 3: found '# state: late', expected '-> ' or '<- '"),
    ],
)
def test_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_transcript(text)
    assert str(caught.value) == complaint


_CASES = st.builds(
    Case,
    name=st.text("abc xyz", min_size=1),
    lines=st.lists(
        st.builds(Line, st.sampled_from(Sender), st.binary(max_size=12)), min_size=1, max_size=4
    ).map(tuple),
    facts=st.dictionaries(st.sampled_from(["state", "ends"]), st.text("abc: \\", max_size=5)),
)


@pytest.mark.property
@given(st.text("abc.\n", max_size=9).filter(lambda t: t.strip("\n") == t), st.lists(_CASES))
def test_round_trip(heading: str, cases: list[Case]) -> None:
    heading = "\n".join(filter(None, heading.split("\n")))
    transcript = Transcript(heading, tuple(cases))
    assert parse_transcript(format_transcript(transcript)) == transcript


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_files_are_written_as_the_writer_writes_them(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert format_transcript(parse_transcript(text)) == text
