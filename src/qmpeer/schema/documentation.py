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
from qmpeer.schema.source_files import SourceFile, SourcePlace
from qmpeer.schema.syntax import Comment

_SYMBOL: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*)(?:$|:\s*|\s*$)")
_ARGUMENT: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*):(?:\s+|$)")
_TAG: Final = re.compile(
    r"(Since|Returns?|Errors|Notes?|Examples?|TODO)(?::(?:\s+|$)|(?<=Since)\s+(?=[0-9v]))"
)
_FEATURES: Final = re.compile(r"Features:\s*$")
_FEATURES_TAG: Final = "Features:"
_ONCE: Final = ("Since", "Returns", "Errors")
_OLD_TAGS: Final = ("Note", "Notes", "Example", "Examples")
_RELEASE: Final = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")
_WHOLE, _MEMBER, _FEATURE, _SECTION = range(4)


class DocComment:
    """A doc comment that was read.

    Attributes:
        documentation: What it says.
        place: Where it begins.
        lines: The number of the line, within the comment, on which each member, feature or tagged
            section begins.
        faults: What is wrong with it by itself, with the numbers of the lines.
    """

    __slots__ = ("documentation", "faults", "lines", "place")

    def __init__(
        self,
        documentation: Documentation,
        place: SourcePlace,
        lines: dict[str, int],
        faults: list[tuple[int, str]],
    ) -> None:
        self.documentation: Documentation = documentation
        self.place: SourcePlace = place
        self.lines: dict[str, int] = lines
        self.faults: list[tuple[int, str]] = faults

    def place_of(self, name: str) -> SourcePlace:
        """Return where a member, a feature or a tagged section begins."""
        return self.place_of_line(self.lines[name])

    def place_of_line(self, number: int) -> SourcePlace:
        """Return where a line of the comment begins."""
        line = self.place.location.line + number
        return self.place.at(self.place.source.line_offset(line))


def read_comment(source: SourceFile, comment: Comment) -> DocComment:
    """Read a doc comment.

    Args:
        source: The file it stands in.
        comment: The comment.
    """
    reader = _CommentReader()
    for number, line in enumerate(comment.text.split("\n")[1:-1], 1):
        reader.take(number, line.strip(" \t\r").removeprefix("#").rstrip())
    reader.end()
    place = SourcePlace(source, comment.offset)
    documentation = Documentation(
        reader.symbol,
        reader.text,
        reader.members,
        reader.features,
        tuple(reader.sections),
        reader.since,
        place.location,
    )
    return DocComment(documentation, place, reader.lines, reader.faults)


class _CommentReader:
    def __init__(self) -> None:
        self.symbol: str | None = None
        self.text = ""
        self.members: dict[str, str] = {}
        self.features: dict[str, str] = {}
        self.sections: list[Section] = []
        self.since = ""
        self.lines: dict[str, int] = {}
        self.faults: list[tuple[int, str]] = []
        self._is_first = True
        self._kind = _WHOLE
        self._name = ""
        self._part: list[str] = []
        self._number = 0
        self._in_features = False
        self._has_tags = False

    def take(self, number: int, line: str) -> None:
        """Take one line, the # at its beginning removed."""
        self._number = number
        text = line[1:] if line.startswith(" ") else line
        if text is line and line:
            self._note("a blank is missing behind '#'")
        if self._is_first:
            self._is_first = not text
            if text.startswith("@"):
                text = self._take_symbol(text)
        elif text[:1] not in ("", " "):
            if self.symbol is not None:
                text = self._begin(number, text)
            elif text[0] == "@" and _ARGUMENT.match(text):
                self._note("text without a symbol has no members")
        self._part.append(text)

    def _note(self, reason: str, number: int | None = None) -> None:
        self.faults.append((self._number if number is None else number, reason))

    def _take_symbol(self, text: str) -> str:
        symbol = _SYMBOL.match(text)
        if symbol is None or ":" not in symbol[0]:
            self._note("a symbol is '@', a name and ':'")
        if symbol is None:
            return text
        self.symbol = symbol[1]
        return text[symbol.end() :]

    def _begin(self, number: int, text: str) -> str:
        """Begin a new part where the line says so, and return the rest of the line."""
        if text[0] == "@":
            argument = _ARGUMENT.match(text)
            if argument:
                self.finish()
                self._begin_argument(argument[1], number)
                return text[argument.end() :]
            if text.startswith("@:"):
                self._note("no name stands between '@' and ':'")
        elif _FEATURES.match(text):
            self.finish()
            if _FEATURES_TAG in self.lines:
                self._note(f"'{_FEATURES_TAG}' stands here a second time")
            self.lines.setdefault(_FEATURES_TAG, number)
            self._kind, self._name, self._in_features = _SECTION, "", True
            return ""
        else:
            tag = _TAG.match(text)
            if tag:
                self.finish()
                self._begin_section(tag[1], number)
                return text[tag.end() :]
        is_behind_blank = bool(self._part) and not self._part[-1]
        if is_behind_blank and self._kind != _WHOLE and not self._goes_on():
            self.finish()
            self._kind, self._name, self._in_features = _SECTION, "", False
        return text

    def _goes_on(self) -> bool:
        """Return whether text that is not indented belongs to the section before the blank line.

        Spec: since 9.0 the text of a section is indented. Notes and examples were not, before.
        """
        return self._kind == _SECTION and (self._name in _OLD_TAGS or not any(self._part))

    def _begin_argument(self, name: str, number: int) -> None:
        self._kind = _FEATURE if self._in_features else _MEMBER
        self._name = name
        if name in (self.features if self._in_features else self.members):
            self._note(f"{name!r} is documented a second time")
        elif not self._in_features and self._has_tags:
            self._note(f"{name!r} is documented behind a tagged section")
        self.lines.setdefault(name, number)

    def _begin_section(self, tag: str, number: int) -> None:
        self._kind, self._name, self._in_features = _SECTION, tag, False
        self._has_tags = True
        if tag in _ONCE and f"{tag}:" in self.lines:
            self._note(f"'{tag}:' stands here a second time")
        self.lines.setdefault(f"{tag}:", number)

    def end(self) -> None:
        """End the comment."""
        self.finish()
        if _FEATURES_TAG in self.lines and not self.features:
            self._note(f"'{_FEATURES_TAG}' has no feature behind it", self.lines[_FEATURES_TAG])

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
        elif self._name:
            self._note(f"'{self._name}:' has no text", self.lines[f"{self._name}:"])


def _dedented(lines: list[str]) -> str:
    """Join lines without the indentation that all but the first have in common.

    The first is what stands behind a name or a tag.
    """
    first, *rest = lines
    indents = [len(line) - len(line.lstrip()) for line in rest if line]
    indent = min(indents, default=0)
    return "\n".join([first, *(line[indent:] for line in rest)]).strip("\n ")
