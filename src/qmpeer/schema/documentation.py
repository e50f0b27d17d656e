"""Doc comments: what stands between two lines of ##, old style and new.

A comment whose first line is ``@symbol:`` documents the definition that follows it: first the whole
of it, then its members (``@member: text``), below ``Features:`` its features, and sections with a
tag such as ``Since: 2.10``. All others are free text. Up to 2.8 the colon could be missing, text of
a member need not be indented, and ``#optional`` marked optional members.

Markup within the text is left as it is: before 9.1 it is QEMU's own, from then on reStructuredText.
"""

import re
from typing import Final

from qmpeer.schema.model import Documentation, Section
from qmpeer.schema.sources import Place, Source
from qmpeer.schema.syntax import Comment

__all__ = ["DocComment", "read_comment"]

_SYMBOL: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*)(?:$|:\s*|\s*$)")
_ARGUMENT: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*):(?:\s+|$)")
_TAG: Final = re.compile(
    r"(Since|Returns?|Errors|Notes?|Examples?|TODO)(?::(?:\s+|$)|(?<=Since)\s+(?=[0-9v]))"
)
_FEATURES: Final = re.compile(r"Features:\s*$")
_RELEASE: Final = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")
_WHOLE, _MEMBER, _FEATURE, _SECTION = range(4)


class DocComment:
    """Hold a doc comment that was read.

    Attributes:
        documentation: What it says.
        place: Where it begins.
        lines: The number of the line, within the comment, on which each member or feature begins.
    """

    __slots__ = ("documentation", "lines", "place")

    def __init__(self, documentation: Documentation, place: Place, lines: dict[str, int]) -> None:
        self.documentation: Documentation = documentation
        self.place: Place = place
        self.lines: dict[str, int] = lines

    def place_of(self, name: str) -> Place:
        """Return where a member or feature is documented."""
        source = self.place.source
        line = self.place.location.line + self.lines[name]
        return self.place.at(source.line_offset(line))


def read_comment(source: Source, comment: Comment) -> DocComment:
    """Read a doc comment.

    Args:
        source: The file it stands in.
        comment: The comment.
    """
    reader = _Reader()
    for number, line in enumerate(comment.text.split("\n")[1:-1], 1):
        reader.take(number, line.strip(" \t\r").removeprefix("#").rstrip())
    reader.finish()
    place = Place(source, comment.offset)
    documentation = Documentation(
        reader.symbol,
        reader.text,
        reader.members,
        reader.features,
        tuple(reader.sections),
        reader.since,
        place.location,
    )
    return DocComment(documentation, place, reader.lines)


class _Reader:
    def __init__(self) -> None:
        self.symbol: str | None = None
        self.text = ""
        self.members: dict[str, str] = {}
        self.features: dict[str, str] = {}
        self.sections: list[Section] = []
        self.since = ""
        self.lines: dict[str, int] = {}
        self._is_first = True
        self._kind = _WHOLE
        self._name = ""
        self._part: list[str] = []
        self._in_features = False

    def take(self, number: int, line: str) -> None:
        """Take one line, the # at its beginning removed."""
        text = line[1:] if line.startswith(" ") else line
        if self._is_first:
            self._is_first = not text
            symbol = _SYMBOL.match(text)
            if symbol:
                self.symbol = symbol[1]
                text = text[symbol.end() :]
        elif self.symbol is not None and text[:1] not in ("", " "):
            text = self._begin(number, text)
        self._part.append(text)

    def _begin(self, number: int, text: str) -> str:
        """Begin a new part where the line says so, and return the rest of the line."""
        if text[0] == "@":
            argument = _ARGUMENT.match(text)
            if argument:
                self.finish()
                self._kind = _FEATURE if self._in_features else _MEMBER
                self._name = argument[1]
                self.lines.setdefault(self._name, number)
                return text[argument.end() :]
        elif _FEATURES.match(text):
            self.finish()
            self._kind, self._name, self._in_features = _SECTION, "", True
            return ""
        else:
            tag = _TAG.match(text)
            if tag:
                self.finish()
                self._kind, self._name, self._in_features = _SECTION, tag[1], False
                return text[tag.end() :]
        if self._kind in (_MEMBER, _FEATURE, _SECTION) and self._part and not self._part[-1]:
            self.finish()
            self._kind, self._name, self._in_features = _SECTION, "", False
        return text

    def finish(self) -> None:
        """End the part that was begun."""
        is_plain = self._kind == _WHOLE or (self._kind == _SECTION and not self._name)
        text = "\n".join(self._part).strip("\n ") if is_plain else _dedented(self._part)
        self._part = []
        if self._kind == _WHOLE:
            self.text = text
        elif self._kind == _MEMBER:
            self.members[self._name] = text.removeprefix("#optional").lstrip()
        elif self._kind == _FEATURE:
            self.features[self._name] = text
        elif text:
            self.sections.append(Section(self._name, text))
            release = _RELEASE.match(text) if self._name == "Since" else None
            if release:
                self.since = release[1]


def _dedented(lines: list[str]) -> str:
    """Join lines without the indentation that all but the first have in common.

    The first is what stands behind a name or a tag.
    """
    first, *rest = lines
    indents = [len(line) - len(line.lstrip()) for line in rest if line]
    indent = min(indents, default=0)
    return "\n".join([first, *(line[indent:] for line in rest)]).strip("\n ")
