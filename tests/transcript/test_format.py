"""The format of transcripts: what is read, what is written, what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import TranscriptError
from qmpeer.transcript import (
    Closed,
    Descriptors,
    Elapsed,
    Entry,
    Line,
    Noise,
    OnConnection,
    Opened,
    Remark,
    Section,
    Sender,
    Transcript,
    format_entry,
    format_title,
    format_transcript,
    parse_transcript,
)

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
TESTS = Path(__file__).parent.parent
FILES = sorted(
    path for room in ("transcripts", "monitor/human") for path in (TESTS / room).glob("*.txt")
)

ENTRIES = [
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
    pytest.param("<-     1", Line(SERVER, b"    1\r\n"), id="blanks begin the line"),
    pytest.param("-> \\", Line(CLIENT, b""), id="nothing from the client"),
    pytest.param("-> ", Line(CLIENT, b"\n"), id="an empty line of the client"),
    pytest.param("-> \\x0a", Line(CLIENT, b"\n\n"), id="a newline of its own"),
    pytest.param("<-", Line(SERVER, b""), id="silence"),
    pytest.param("<- \\x0d\\x0a\\", Line(SERVER, b"\r\n"), id="an empty line of the server"),
    pytest.param("@ opened", Opened(), id="opened"),
    pytest.param("@ closed", Closed(), id="closed"),
    pytest.param("@ closed by server", Closed(SERVER), id="closed by the server"),
    pytest.param("@ closed: it \\x20", Closed(None, "it  "), id="a reason"),
    pytest.param("@ closed by client: \\xc3\\xa9", Closed(CLIENT, "é"), id="closed for a reason"),
    pytest.param("@ connection 12", OnConnection(12), id="connection"),
    pytest.param("@ time 2.500", Elapsed(2.5), id="time"),
    pytest.param("@ time 1e-05", Elapsed(0.00001), id="a short time"),
    pytest.param("@ descriptors 2 from client", Descriptors(CLIENT, 2), id="descriptors"),
    pytest.param("@ noise from server \\xff \\x5c", Noise(SERVER, b"\xff \\"), id="noise"),
    pytest.param("@ noise from client  \\x20", Noise(CLIENT, b"  "), id="blank noise"),
    pytest.param("#  a: remark", Remark("a: remark"), id="a remark like a fact"),
    pytest.param("#", Remark(""), id="an empty remark"),
]


@pytest.mark.parametrize(("text", "entry"), ENTRIES)
def test_each_entry_is_a_line(text: str, entry: Entry) -> None:
    whole = f"# name\n@ opened\n{text}\n"
    section = Section("name", (Opened(), entry))
    assert parse_transcript(whole).sections == (section,)
    assert format_transcript(Transcript("", (section,))) == whole
    assert format_entry(entry) == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        pytest.param("->", Line(CLIENT, b"\n"), id="an editor dropped the blank"),
        pytest.param("<-  ", Line(SERVER, b""), id="or added one"),
        pytest.param("-> {}  ", Line(CLIENT, b"{}\n"), id="blanks at the end"),
        pytest.param("-> {} \\  ", Line(CLIENT, b"{} "), id="blanks behind a backslash"),
        pytest.param("->{}", Line(CLIENT, b"{}\n"), id="no blank"),
        pytest.param("->\t{}", Line(CLIENT, b"{}\n"), id="a tab for a blank"),
        pytest.param("-> {\t}", Line(CLIENT, b"{\t}\n"), id="a tab in a message"),
        pytest.param('-> "é"', Line(CLIENT, b'"\xc3\xa9"\n'), id="UTF-8"),
        pytest.param("@opened", Opened(), id="a directive without a blank"),
        pytest.param("@ time 2", Elapsed(2.0), id="whole seconds"),
        pytest.param("@ closed:x", Closed(None, "x"), id="no blank behind a colon"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_what_people_write_is_read(text: str, entry: Entry, end: str, start: str) -> None:
    for whole in (f"{start}# a title\n{text}{end}", f"{start}{text}{end}"):
        for data in (whole, whole.encode()):
            assert parse_transcript(data).sections[0].entries == (entry,)


def test_indented_lines_go_on_with_the_message_above() -> None:
    text = '<- {\n     "return":\n\t{}\n   }\n-> {}\n'
    entries = parse_transcript(text).sections[0].entries
    assert entries[1] == Line(SERVER, b'     "return":\r\n')
    said = b"".join(line.data for line in entries[:4] if isinstance(line, Line))
    assert said == b'{\r\n     "return":\r\n\t{}\r\n   }\r\n'
    written = format_transcript(parse_transcript(text))
    assert written == '<- {\n<-      "return":\n<- \\x09{}\n<-    }\n-> {}\n'


def test_heading_facts_and_order() -> None:
    text = "# On a subject,\n#   at length.\n\n# one\n# state: greeted\n-> a\n<- b\n-> c\n"
    text += "\n# two\n-> d\n"
    transcript = parse_transcript(text, "file")
    assert transcript.heading == "On a subject,\n  at length."
    assert [section.title for section in transcript.sections] == ["one", "two"]
    assert [section.line for section in transcript.sections] == [6, 11]
    assert transcript.sections[0].facts == {"state": "greeted"}
    assert transcript.sections[0].entries == (
        Line(CLIENT, b"a\n"),
        Line(SERVER, b"b\r\n"),
        Line(CLIENT, b"c\n"),
    )
    assert transcript.name == "file"
    assert format_transcript(transcript) == text


def test_remarks() -> None:
    text = "# one\n# state: x\n# no fact\n#  neither: this\n-> a\n#  state: nor this\n<- b\n"
    (section,) = parse_transcript(text).sections
    assert section.facts == {"state": "x"}
    assert [entry.text for entry in section.entries if isinstance(entry, Remark)] == [
        "no fact",
        "neither: this",
        "state: nor this",
    ]
    assert section.line == 3
    assert parse_transcript(text.replace("#  ", "# ")).sections == (section,)
    assert format_transcript(Transcript("", (section,))) == text


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(Section("t", ()), id="a title alone"),
        pytest.param(Section("", ()), id="nothing"),
        pytest.param(Section("", (Opened(),)), id="no title"),
        pytest.param(Section("", (Remark("r"),)), id="a remark alone"),
        pytest.param(Section("t", (Remark("state: r"),)), id="a remark like a fact"),
        pytest.param(Section("", (Opened(),), {"state": "x"}), id="a fact without a title"),
    ],
)
def test_odd_sections(section: Section) -> None:
    for sections in ((section,), (section, section), (Section("s", (Opened(),)), section)):
        for heading in ("", "h"):
            transcript = Transcript(heading, sections)
            assert parse_transcript(format_transcript(transcript)) == transcript


def test_a_tab_in_a_text_for_people_is_a_blank() -> None:
    (section,) = parse_transcript("# a\tb\n# c:\td\n@ opened\n#\te\x85\n").sections
    assert section == Section("a b", (Opened(), Remark("e")), {"c": "d"})


def test_nothing_at_all() -> None:
    for text in ("", "\n\n", "\ufeff"):
        assert parse_transcript(text) == Transcript("", ())
    assert format_transcript(Transcript("", ())) == ""


def test_control_characters_in_texts_for_people_are_blanks() -> None:
    assert (
        format_title(" a\nb\x1b[2J\u2028-> {} ", {"c d": "e\r\n"}) == "# a b [2J -> {}\n# c d: e\n"
    )
    assert format_entry(Remark("a\n-> {}")) == "# a -> {}\n"
    assert format_entry(Closed(None, "a\n\ud800")) == "@ closed: a\\x0a\\ud800\n"


@pytest.mark.parametrize("name", ["", "A", "a:", "a\nb", " a"])
def test_a_fact_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected lower-case letters and blanks"):
        format_title("t", {name: "x"})


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(OnConnection(0), id="no connection"),
        pytest.param(Elapsed(-1.0), id="before the beginning"),
        pytest.param(Elapsed(float("inf")), id="never"),
        pytest.param(Descriptors(CLIENT, 0), id="no descriptors"),
    ],
)
def test_numbers_that_cannot_be(entry: Entry) -> None:
    with pytest.raises(ValueError, match=r"found .@ .* expected .@ "):
        format_entry(entry)


def test_lines_and_names_are_no_part_of_equality() -> None:
    one, two = Section("a", (), {}, 1), Section("a", (), {}, 2)
    assert one == two
    assert hash(one) == hash(two)
    assert one != Section("a", (), {"b": "c"}, 1)
    assert one != "a"
    assert Transcript("", (one,), "f") == Transcript("", (two,), "g")
    assert hash(Transcript("", (one,), "f")) == hash(Transcript("", (two,), "g"))
    assert Transcript("", (one,), "f") != "f"


EXPECTED = "expected '-> ', '<- ', '@ ' or '# '"
CLOSED = "'@ closed', 'by client' or 'by server' if that is known, ': ' and a reason"
DESCRIPTORS = "'@ descriptors', a number from 1, 'from client' or 'from server'"
NOISE = "'@ noise from client' or '@ noise from server', and bytes"
NAMES = "expected '@' and one of closed, connection, descriptors, noise, opened, time"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# a\n\n# b\n-> c\nd\n", f"f:5: found 'd', {EXPECTED}"),
        ('{"return": {}}\n', f"f:1: found '{{\"return\": {{}}}}', {EXPECTED}"),
        (" -> {}\n", f"f:1: found ' -> {{}}', {EXPECTED}"),
        ("@ opened\n  x\n", f"f:2: found '  x', {EXPECTED}"),
        ("# a\n->b\n", "f:2: found '->b', expected a blank behind '->'"),
        (b"\n-> \xe9\n", "f:2: found byte 0xe9, expected UTF-8"),
        ("-> \ud800\n", "f:1: found byte 0xed, expected UTF-8"),
        ("-> a\0\n", "f:1: found control byte 0x00, expected text"),
        ("-> a\rb\n", "f:1: found control byte 0x0d, expected text"),
        ("# a\x1b[2J", "f:1: found control byte 0x1b, expected text"),
        ("@", f"f:1: found '@', {NAMES}"),
        ("@ opend", f"f:1: found '@ opend', {NAMES} (did you mean '@ opened'?)"),
        ("@ opened now", "f:1: found '@ opened now', expected '@ opened' alone"),
        (
            "@ connection 0",
            "f:1: found '@ connection 0', expected '@ connection' and a number from 1",
        ),
        ("@ time -1", "f:1: found '@ time -1', expected '@ time' and seconds"),
        (f"@ time {'9' * 400}", f"f:1: found '@ time {'9' * 53}…', expected '@ time' and seconds"),
        (
            "@ descriptors 0 from client",
            f"f:1: found '@ descriptors 0 from client', expected {DESCRIPTORS}",
        ),
        (
            "@ closed by me",
            f"f:1: found '@ closed by me', expected {CLOSED}",
        ),
        (
            "@ closed: \\xff",
            f"f:1: found '@ closed: \\xff', expected {CLOSED}",
        ),
        (
            "@ noise \\xff",
            f"f:1: found '@ noise \\xff', expected {NOISE}",
        ),
        ("x\u202e\u9999", f"f:1: found 'x\\u202e\u9999', {EXPECTED}"),
    ],
)
def test_refused(text: str | bytes, complaint: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        parse_transcript(text, "f")
    assert str(caught.value) == complaint


def test_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_LINE", 10)
    monkeypatch.setattr(limits, "TRANSCRIPT_SIZE", 22)
    assert parse_transcript("-> 4567890\n-> 4567890\n").sections
    with pytest.raises(TranscriptError, match=r"^f:2: found a line of 11 bytes, expected 10 at"):
        parse_transcript("-> {}\n-> 45678901\n", "f")
    with pytest.raises(TranscriptError, match=r"^f: found more than 22 bytes, expected no more$"):
        parse_transcript("-> 4567890\n-> 4567890\n\n", "f")


_TEXTS = st.text("abc: é\\", max_size=6).map(str.strip)
_BYTES = st.one_of(st.binary(max_size=12), st.text("\\x5cf \r\n", max_size=8).map(str.encode))
_ENTRIES = st.one_of(
    st.builds(Line, st.sampled_from(Sender), _BYTES),
    st.builds(Noise, st.sampled_from(Sender), _BYTES),
    st.builds(Remark, _TEXTS),
    st.builds(OnConnection, st.integers(1, 10**9 - 1)),
    st.builds(Opened),
    st.builds(Closed, st.none() | st.sampled_from(Sender), st.text(max_size=6)),
    st.builds(Elapsed, st.floats(0, allow_infinity=False)),
    st.builds(Descriptors, st.sampled_from(Sender), st.integers(1, 1000)),
)
_SECTIONS = st.builds(
    Section,
    title=_TEXTS,
    entries=st.lists(_ENTRIES, max_size=4).map(tuple),
    facts=st.dictionaries(st.sampled_from(["state", "ends with"]), _TEXTS),
)
_HEADINGS = st.text("abc.: \n", max_size=9).map(
    lambda text: "\n".join(line.rstrip() for line in text.split("\n"))
)


@pytest.mark.property
@given(_HEADINGS, st.lists(_SECTIONS, max_size=4))
def test_round_trip(heading: str, sections: list[Section]) -> None:
    transcript = Transcript(heading, tuple(sections))
    text = format_transcript(transcript)
    assert parse_transcript(text) == transcript
    assert format_transcript(parse_transcript(text)) == text
    lines = text.split("\n")
    for section in parse_transcript(text).sections:
        for number, entry in enumerate(section.entries, section.line):
            assert f"{lines[number - 1]}\n" == format_entry(entry)


PIECES = ["-> ", "<- ", "@ ", "# ", "\n", "\r", "\t", " ", "{", "\\x", "ff", ":", "\x85"]
PIECES += ["closed", "time 1", "noise from ", "client"]


@pytest.mark.property
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        transcript = parse_transcript(text)
    except TranscriptError:
        return
    assert parse_transcript(format_transcript(transcript)) == transcript


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_files_are_written_as_the_writer_writes_them(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert format_transcript(parse_transcript(text)) == text
