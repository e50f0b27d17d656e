r"""The parts of a transcript: sections of entries, each entry one line of the text.

::

    # a mirror job on a machine that libvirt made      a section's title
    # state: negotiated                                facts about it, as many as needed
    @ opened                                           a client has connected
    -> {"execute": "query-status"}                     bytes from the client, LF at their end
    <- {"return": {"running": true}}                   bytes from the server, CR LF at their end
    @ time 2.5                                         seconds since the section's first entry
    # the guest was asked to stop here                 a remark
    @ connection 2                                     the next entries belong to this connection
    @ descriptors 1 from client                        they came with the next line of the client
    @ noise from server \xff\xff                       bytes that were no message
    @ closed by server                                 the connection has ended

Connection 1 has the entries before the first ``@ connection``, in each section.

Bytes. A byte outside printable ASCII is ``\xff``, with two lower-case digits, and so is a blank at
the end of a line. Any other backslash is itself, so JSON's escapes look as they do on the wire; a
backslash that would look like an escape, or like the end of a line, is ``\x5c``. A backslash at the
end of a line means that the bytes have no line end. ``<-`` alone is a silent server, ``->`` alone
an empty line of the client. A value over several lines has one line of the text for each::

    <- {
    <-     "return": {}
    <- }
"""

from enum import Enum
from typing import TypeAlias

import msgspec


class Sender(Enum):
    """The sender of bytes; the value is its mark."""

    CLIENT = "->"
    SERVER = "<-"

    @property
    def noun(self) -> str:
        """The sender's name in directives: "client" or "server"."""
        return self.name.lower()

    @property
    def line_end(self) -> bytes:
        """The usual end of the sender's lines."""
        return b"\n" if self is Sender.CLIENT else b"\r\n"


class Line(msgspec.Struct, frozen=True, gc=False):
    """Bytes of one sender: a message, or a part of one; empty for a silent server."""

    sender: Sender
    data: bytes


class Remark(msgspec.Struct, frozen=True, gc=False):
    """A remark between the lines, for people."""

    text: str


class OnConnection(msgspec.Struct, frozen=True, gc=False):
    """The number of the connection that the next entries belong to."""

    number: int


class Opened(msgspec.Struct, frozen=True, gc=False):
    """A client has connected."""


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The connection has ended.

    Attributes:
        by: Who ended it, or None if that isn't known.
        reason: Why, such as an error's text; "" for a plain end.
    """

    by: Sender | None = None
    reason: str = ""


class Elapsed(msgspec.Struct, frozen=True, gc=False):
    """The seconds from the section's first entry to the next one."""

    seconds: float


class Descriptors(msgspec.Struct, frozen=True, gc=False):
    """The number of descriptors that came with the sender's next line."""

    sender: Sender
    count: int


class Noise(msgspec.Struct, frozen=True, gc=False):
    """Bytes of one sender that were no message."""

    sender: Sender
    data: bytes


Entry: TypeAlias = Line | Remark | OnConnection | Opened | Closed | Elapsed | Descriptors | Noise


class Section(msgspec.Struct, frozen=True):
    """A part of a transcript: a test's case, or one run of a recorder.

    Attributes:
        title: Its title, "" if it has none.
        entries: Its entries. Each is one line of the text.
        facts: The facts below its title, by name.
        line: The number of the first entry's line in the text; 0 if it wasn't read from one. The
            entry at index *i* is on line *line + i*. Sections that differ in it alone are equal.
    """

    title: str
    entries: tuple[Entry, ...]
    facts: dict[str, str] = {}
    line: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Section):
            return NotImplemented
        return (self.title, self.entries, self.facts) == (other.title, other.entries, other.facts)

    def __hash__(self) -> int:
        return hash((self.title, self.entries))


class Transcript(msgspec.Struct, frozen=True):
    """The sections of one text, and the heading above them.

    Attributes:
        heading: The text above the first section, without ``#``; "" if there is none.
        sections: The sections, in the order of the text.
        name: The name of the file it was read from, for errors; "" if there is none. Transcripts
            that differ in it alone are equal.
    """

    heading: str
    sections: tuple[Section, ...]
    name: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Transcript):
            return NotImplemented
        return (self.heading, self.sections) == (other.heading, other.sections)

    def __hash__(self) -> int:
        return hash((self.heading, self.sections))
