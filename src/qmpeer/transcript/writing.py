"""The writer of transcripts: a whole one, or line by line as a recorder does."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from qmpeer.transcript.directives import format_directive
from qmpeer.transcript.entries import Entry, Line, Remark, Section, Sender, Transcript
from qmpeer.transcript.escapes import escaped, without_controls

_FACT: Final = re.compile(r"[a-z][a-z ]*:(?: |\Z)")


def format_transcript(transcript: Transcript) -> str:
    r"""Write a transcript; `parse_transcript` reads an equal one from it.

    Titles, facts and remarks are for people: control characters in them become a blank, and blanks
    at their ends are dropped. The text is ASCII if they are.

    Raises:
        ValueError: If the name of a fact isn't made of lower-case letters and blanks, or a number
            can't be in a transcript, such as a connection's below 1.

    Example:
        >>> format_transcript(Transcript("", (Section("a", (Line(Sender.CLIENT, b"{}\n"),)),)))
        '# a\n-> {}\n'
    """
    blocks = [_format_section(section) for section in transcript.sections]
    first = transcript.sections[0].entries if transcript.sections else ()
    # The first comment would be read as the heading if only comments followed it.
    if transcript.heading or (blocks and all(isinstance(entry, Remark) for entry in first)):
        lines = map(_comment, transcript.heading.split("\n"))
        blocks.insert(0, "".join(lines))
    return "\n".join(blocks)


def _format_section(section: Section) -> str:
    return "".join(_section_lines(section))


def _section_lines(section: Section) -> Iterator[str]:
    first = section.entries[0] if section.entries else None
    if section.title or section.facts or first is None or isinstance(first, Remark):
        yield format_title(section.title, section.facts)
    yield from map(format_entry, section.entries)


def format_title(title: str, facts: Mapping[str, str] = {}) -> str:
    """Return the lines that begin a section, as `format_transcript` writes them.

    A blank line goes before them if there is a section above.

    Raises:
        ValueError: If the name of a fact isn't made of lower-case letters and blanks.
    """
    lines = [_comment(_one_line(title))]
    for name, text in facts.items():
        if not _FACT.fullmatch(f"{name}:"):
            raise ValueError(f"found the fact {name!r}, expected lower-case letters and blanks")
        lines.append(_comment(f"{name}: {_one_line(text)}"))
    return "".join(lines)


def format_entry(entry: Entry) -> str:
    r"""Return the line of one entry, with its line end.

    Example:
        >>> format_entry(Line(Sender.SERVER, b'{"return": {}}\r\n'))
        '<- {"return": {}}\n'
    """
    if isinstance(entry, Line):
        return _format_line(entry.sender, entry.data)
    if isinstance(entry, Remark):
        text = _one_line(entry.text)
        # A second blank, or the text could be read as a fact.
        return _comment(f" {text}" if _FACT.match(text) else text)
    return f"{format_directive(entry)}\n"


def _format_line(sender: Sender, data: bytes) -> str:
    if sender is Sender.CLIENT:
        if data.endswith(b"\n"):
            return f"-> {escaped(data[:-1])}\n"
        return f"-> {escaped(data)}\\\n"
    if data.endswith(b"\r\n") and len(data) > 2:
        return f"<- {escaped(data[:-2])}\n"
    # Alone, '<-' is silence, and not an empty line.
    return f"<- {escaped(data)}\\\n" if data else "<-\n"


def _one_line(text: str) -> str:
    return without_controls(text).strip()


def _comment(text: str) -> str:
    text = without_controls(text).rstrip()
    return f"# {text}\n" if text else "#\n"
