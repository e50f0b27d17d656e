r"""Transcripts: recorded conversations as text, read and written without loss.

Theory of operation. A transcript is a text file of *cases* with blank lines between them::

    # a lone surrogate is refused                 the case's name
    # state: negotiated with oob                  facts about it, as many as needed
    -> {"execute": "x", "id": "\uD800"}           a line from the client, LF at its end
    <- {"error": {"class": ...}}                  a line from the server, CR LF at its end
    -> \xff\                                      a backslash last: no line end
    <-                                            nothing comes here

Bytes outside printable ASCII, and a blank at the end of a line, are written as ``\xff``, with two
lower-case digits. Any other backslash stands for itself, so JSON's own escapes look as they do on
the wire; a backslash that would look like an escape or the end of a line is ``\x5c``. Text before
the first case is the heading of the file if it has no lines of a conversation.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from re import Match

__all__ = ["Case", "Line", "Sender", "Transcript", "format_transcript", "parse_transcript"]


class Sender(Enum):
    """The sender of a line; the value is its mark."""

    CLIENT = "->"
    SERVER = "<-"

    @property
    def line_end(self) -> bytes:
        """The usual end of the sender's lines."""
        return b"\n" if self is Sender.CLIENT else b"\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes of one sender: a line, or a part of one; empty for a silent server."""

    sender: Sender
    data: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation.

    Attributes:
        facts: The facts in its heading, by name.
    """

    name: str
    lines: tuple[Line, ...]
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The cases of one file, and the heading above them."""

    heading: str
    cases: tuple[Case, ...]


_FACT = re.compile(r"# ([a-z][a-z ]*): (.*)")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_TO_ESCAPE = re.compile(rb"[^\x20-\x7e]|\\(?=x[0-9a-f]{2})|\\\Z| \Z")


def parse_transcript(text: str) -> Transcript:
    """Read a transcript.

    Raises:
        ValueError: If a line doesn't belong in a transcript; the message has its number.
    """
    heading = ""
    cases: list[Case] = []
    for number, block in _blocks(text):
        if not cases and not heading and all(line.startswith("#") for line in block):
            heading = "\n".join(line[2:] for line in block)
        else:
            cases.append(_parse_case(number, block))
    return Transcript(heading, tuple(cases))


def _blocks(text: str) -> Iterable[tuple[int, list[str]]]:
    """Give the runs of lines between blank lines, each with the number of its first."""
    block: list[str] = []
    for number, line in enumerate((*text.split("\n"), ""), 1):
        if line:
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _parse_case(first: int, block: list[str]) -> Case:
    if not block[0].startswith("# "):
        raise ValueError(f"line {first}: a case begins with '# ' and its name")
    facts: dict[str, str] = {}
    lines: list[Line] = []
    for number, line in enumerate(block[1:], first + 1):
        fact = _FACT.fullmatch(line)
        if fact is not None and not lines:
            facts[fact[1]] = fact[2]
        elif line[:2] in ("->", "<-"):
            lines.append(_parse_line(number, line))
        else:
            raise ValueError(f"line {number}: found {line!r}, expected '-> ' or '<- '")
    if not lines:
        raise ValueError(f"line {first}: a case has no lines")
    return Case(block[0][2:], tuple(lines), facts)


def _parse_line(number: int, line: str) -> Line:
    sender = Sender(line[:2])
    if line == Sender.SERVER.value:
        return Line(sender, b"")
    if line[2:3] != " " or not line.isascii() or not line.isprintable():
        raise ValueError(f"line {number}: found {line!r}, expected a blank and printable ASCII")
    text, end = line[3:].encode("ascii"), sender.line_end
    if text.endswith(b"\\"):
        text, end = text[:-1], b""
    return Line(sender, _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text) + end)


def format_transcript(transcript: Transcript) -> str:
    """Write a transcript; `parse_transcript` reads the same from it."""
    blocks = [_comment(transcript.heading)] if transcript.heading else []
    blocks += map(_format_case, transcript.cases)
    return "\n".join(blocks)


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.split("\n"))


def _format_case(case: Case) -> str:
    facts = "".join(f"# {name}: {text}\n" for name, text in case.facts.items())
    lines = "".join(map(_format_line, case.lines))
    return f"# {case.name}\n{facts}{lines}"


def _format_line(line: Line) -> str:
    mark, end = line.sender.value, line.sender.line_end
    if not line.data and line.sender is Sender.SERVER:
        return f"{mark}\n"
    is_whole = line.data.endswith(end)
    text = line.data.removesuffix(end) if is_whole else line.data
    shown = _TO_ESCAPE.sub(_escape, text).decode("ascii")
    return f"{mark} {shown}\n" if is_whole else f"{mark} {shown}\\\n"


def _escape(match: Match[bytes]) -> bytes:
    return b"\\x%02x" % match[0][0]
