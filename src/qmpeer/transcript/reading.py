"""The reader of transcripts.

Theory of operation. Each line is read alone, from its first characters: ``->``, ``<-``, ``@``,
``#``. A blank line ends a section. Of a file that a person has edited the reader accepts a byte
order mark, CR LF at the ends of lines, blanks behind them, tabs and UTF-8 in messages, and indented
lines that go on with the message above, as in pretty-printed JSON; the writer writes none of these.
"""

import re
from io import BytesIO
from typing import Final

from qmpeer import limits
from qmpeer.errors import TranscriptError
from qmpeer.transcript.directives import parse_directive
from qmpeer.transcript.entries import Entry, Line, Remark, Section, Sender, Transcript
from qmpeer.transcript.escapes import unescaped, without_controls

_FACT: Final = re.compile(r"# ([a-z][a-z ]*):(?: (.*))?")
_ODD: Final = re.compile(rb"[^\t\n\r\x20-\x7e]|\r(?!\n)")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SENDERS: Final = {sender.value.encode(): (sender, sender.line_end) for sender in Sender}
_BACKSLASH: Final = ord("\\")
_BOM: Final = b"\xef\xbb\xbf"
_BLANKS: Final = (b" ", b"\t")
_EXPECTED: Final = "'-> ', '<- ', '@ ' or '# '"


def parse_transcript(data: bytes | str, name: str = "<transcript>") -> Transcript:
    r"""Read a transcript.

    `format_transcript` writes the same text again, if it was the writer of it.

    Args:
        data: The whole text.
        name: The file's name, for errors; it is kept as the transcript's name.

    Raises:
        TranscriptError: If a line doesn't belong in a transcript, or the text or a line of it is
            longer than `limits.TRANSCRIPT_SIZE` or `limits.TRANSCRIPT_LINE`.

    Example:
        >>> parse_transcript("-> {}\n").sections[0].entries
        (Line(sender=<Sender.CLIENT: '->'>, data=b'{}\n'),)
    """
    if len(data) > limits.TRANSCRIPT_SIZE:
        raise too_long(name)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return _Reader(name, data).read()


def too_long(name: str) -> TranscriptError:
    """Return the error about a file that is longer than a transcript may be."""
    return TranscriptError(
        f"found more than {limits.TRANSCRIPT_SIZE} bytes, expected no more", name
    )


def shown(line: bytes) -> str:
    """Return a wrong line for an error, without what may harm a terminal."""
    text = line[: 4 * limits.TRANSCRIPT_FOUND].decode("utf-8", "backslashreplace")
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    most = limits.TRANSCRIPT_FOUND
    return f"'{text[:most]}…'" if len(text) > most else f"'{text}'"


class _Reader:
    """The sections of one text, read line by line."""

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data
        self._is_odd = _ODD.search(data) is not None
        self._number = 0
        self._heading: str | None = None  # until the first section, or the heading, has ended
        self._sections: list[Section] = []
        self._begin()

    def _begin(self) -> None:
        self._comments: list[str] = []
        self._title: str | None = None
        self._facts: dict[str, str] = {}
        self._entries: list[Entry] = []
        self._first = 0  # the number of the first entry's line

    def read(self) -> Transcript:
        """Return the transcript."""
        stream = BytesIO(self._data)
        if self._data.startswith(_BOM):
            stream.seek(len(_BOM))
        for whole in stream:
            self._number += 1
            line = whole.rstrip()
            if self._is_odd or len(whole) > limits.TRANSCRIPT_LINE:
                self._check(line)
            sending = _SENDERS.get(line[:2])
            if sending is not None:
                if not self._entries:
                    self._first = self._number
                sender, end = sending
                is_plain = line[2:3] == b" " and _BACKSLASH not in line
                data = line[3:] + end if is_plain else self._bytes(sender, line)
                self._entries.append(Line(sender, data))
            elif not line:
                self._end()
            else:
                self._add_other(line)
        self._end()
        return Transcript(self._heading or "", tuple(self._sections), self._name)

    def _add_other(self, line: bytes) -> None:
        """Add a line that begins with no sender's mark."""
        match line[:1]:
            case b"#":
                self._add_comment(without_controls(line.decode()).rstrip())
            case b"@":
                self._add_directive(line)
            case _:
                self._add_continuation(line)

    def _check(self, line: bytes) -> None:
        """Check that a line is text, and not too long."""
        if len(line) > limits.TRANSCRIPT_LINE:
            most = limits.TRANSCRIPT_LINE
            raise self._error(f"found a line of {len(line)} bytes, expected {most} at most")
        if control := _CONTROL.search(line):
            raise self._error(f"found control byte 0x{control[0][0]:02x}, expected text")
        try:
            line.decode()
        except UnicodeDecodeError as error:
            byte = line[error.start]
            raise self._error(f"found byte 0x{byte:02x}, expected UTF-8") from None

    def _bytes(self, sender: Sender, line: bytes) -> bytes:
        """Return the bytes that a sender's line stands for."""
        behind = line[2:3]
        if behind in _BLANKS:
            return _with_end(line[3:], sender)
        if not behind:
            return b"" if sender is Sender.SERVER else sender.line_end
        if behind == b"{":
            return _with_end(line[2:], sender)
        raise self._error(f"found {shown(line)}, expected a blank behind '{sender.value}'")

    def _add(self, entry: Entry) -> None:
        if not self._entries:
            self._first = self._number
        self._entries.append(entry)

    def _add_comment(self, line: str) -> None:
        text = line[1:].removeprefix(" ")
        self._comments.append(text)
        fact = None if self._entries else _FACT.fullmatch(line)
        if self._title is None and not self._entries:
            self._title = text.strip()
        elif fact is not None:
            self._facts[fact[1]] = (fact[2] or "").strip()
        else:
            self._add(Remark(text.strip()))

    def _add_directive(self, line: bytes) -> None:
        entry = parse_directive(line.decode())
        if isinstance(entry, str):
            raise self._error(f"found {shown(line)}, expected {entry}")
        self._add(entry)

    def _add_continuation(self, line: bytes) -> None:
        last = self._entries[-1] if self._entries else None
        if line[:1] not in b" \t" or not isinstance(last, Line):
            raise self._error(f"found {shown(line)}, expected {_EXPECTED}")
        self._add(Line(last.sender, _with_end(line, last.sender)))

    def _end(self) -> None:
        """End a section if one has begun."""
        if self._title is None and not self._entries:
            return
        is_first, self._heading = self._heading is None, self._heading or ""
        if is_first and all(isinstance(entry, Remark) for entry in self._entries):
            self._heading = "\n".join(self._comments)
        else:
            title, entries = self._title or "", tuple(self._entries)
            self._sections.append(Section(title, entries, self._facts, self._first))
        self._begin()

    def _error(self, reason: str) -> TranscriptError:
        return TranscriptError(reason, self._name, self._number)


def _with_end(text: bytes, sender: Sender) -> bytes:
    r"""Return the bytes that a text stands for, with a line end unless ``\`` is last."""
    if text.endswith(b"\\"):
        return unescaped(text[:-1])
    return unescaped(text) + sender.line_end
