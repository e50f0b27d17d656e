"""Doc comments: text between two lines of ##, in the styles of all releases.

A comment whose first line is ``@symbol:`` documents the definition that follows it. It first
describes the whole definition, then its members (``@member: text``), its features below
``Features:``, and more in sections with a tag such as ``Since: 2.10``. Any other comment is free
text. Up to 2.8 the colon could be missing, a member's text need not be indented, and ``#optional``
marked optional members.

The markup of the text is not interpreted: before 9.1 it is QEMU's own, from then on
reStructuredText.
"""

import re
from typing import Final

from qmpeer.schema.model import Documentation, Section
from qmpeer.schema.source_files import SourceFile, SourcePlace
from qmpeer.schema.syntax import Comment

_SYMBOL: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*)(?:$|:\s*|\s*$)")
_ARGUMENT: Final = re.compile(r"@([A-Za-z0-9_.][\w.-]*):(?:\s+|$)")
# Since could be without its colon, if a release followed.
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
    """A parsed doc comment.

    Attributes:
        documentation: Its content.
        place: Its beginning in the file.
        lines: The line, within the comment, on which each member, feature or tagged section begins.
        faults: Errors that don't depend on the definition, with their line numbers.
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
        """Return the place where a member, a feature or a tagged section begins."""
        return self.place_of_line(self.lines[name])

    def place_of_line(self, number: int) -> SourcePlace:
        """Return the place where a line of the comment begins."""
        line = self.place.location.line + number
        return self.place.at(self.place.source.line_offset(line))


def read_comment(source: SourceFile, comment: Comment) -> DocComment:
    """Parse a doc comment.

    Args:
        source: The file that contains it.
        comment: The comment.
    """
    reader = _CommentReader()
    for number, line in enumerate(comment.text.split("\n")[1:-1], 1):
        reader.read_line(number, line.strip(" \t\r").removeprefix("#").rstrip())
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
    """A line-by-line parser: each part collects its lines until the next part begins."""

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

    def read_line(self, number: int, line: str) -> None:
        """Read one line, without its leading #."""
        self._number = number
        text = line[1:] if line.startswith(" ") else line
        if text is line and line:
            self._note("found no blank after '#'")
        if self._is_first:
            self._is_first = not text
            if text.startswith("@"):
                text = self._take_symbol(text)
        elif text[:1] not in ("", " "):
            if self.symbol is not None:
                text = self._begin(number, text)
            elif text[0] == "@" and _ARGUMENT.match(text):
                self._note("found a member in free text, which documents no definition")
        self._part.append(text)

    def _note(self, reason: str, number: int | None = None) -> None:
        self.faults.append((self._number if number is None else number, reason))

    def _take_symbol(self, text: str) -> str:
        symbol = _SYMBOL.match(text)
        if symbol is None or ":" not in symbol[0]:
            self._note("expected a symbol: '@', a name and ':'")
        if symbol is None:
            return text
        self.symbol = symbol[1]
        return text[symbol.end() :]

    def _begin(self, number: int, text: str) -> str:
        """Begin a new part if the line is the first of one; return the rest of the line."""
        if text[0] == "@":
            argument = _ARGUMENT.match(text)
            if argument:
                self.finish()
                self._begin_argument(argument[1], number)
                return text[argument.end() :]
            if text.startswith("@:"):
                self._note("found no name between '@' and ':'")
        elif _FEATURES.match(text):
            self.finish()
            if _FEATURES_TAG in self.lines:
                self._note(f"duplicate '{_FEATURES_TAG}'")
            self.lines.setdefault(_FEATURES_TAG, number)
            self._kind, self._name, self._in_features = _SECTION, "", True
            return ""
        else:
            tag = _TAG.match(text)
            if tag:
                self.finish()
                self._begin_section(tag[1], number)
                return text[tag.end() :]
        # Text that is not indented ends the part before the blank line, and begins a plain section.
        is_behind_blank = bool(self._part) and not self._part[-1]
        if is_behind_blank and self._kind != _WHOLE and not self._goes_on():
            self.finish()
            self._kind, self._name, self._in_features = _SECTION, "", False
        return text

    def _goes_on(self) -> bool:
        """Return True if unindented text continues the section before the blank line.

        Spec: since 9.0 the text of a section is indented. Before, notes and examples were not.
        """
        return self._kind == _SECTION and (self._name in _OLD_TAGS or not any(self._part))

    def _begin_argument(self, name: str, number: int) -> None:
        self._kind = _FEATURE if self._in_features else _MEMBER
        self._name = name
        if name in (self.features if self._in_features else self.members):
            self._note(f"{name!r} is documented twice")
        elif not self._in_features and self._has_tags:
            self._note(f"{name!r} is documented after a tagged section")
        self.lines.setdefault(name, number)

    def _begin_section(self, tag: str, number: int) -> None:
        self._kind, self._name, self._in_features = _SECTION, tag, False
        self._has_tags = True
        if tag in _ONCE and f"{tag}:" in self.lines:
            self._note(f"duplicate '{tag}:'")
        self.lines.setdefault(f"{tag}:", number)

    def end(self) -> None:
        """Finish the comment."""
        self.finish()
        if _FEATURES_TAG in self.lines and not self.features:
            self._note(f"'{_FEATURES_TAG}' is not followed by a feature", self.lines[_FEATURES_TAG])

    def finish(self) -> None:
        """Finish the current part and store its text."""
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
    """Join lines, removing the common indentation of all except the first.

    The first line is the text that follows a name or a tag.
    """
    first, *rest = lines
    indents = [len(line) - len(line.lstrip()) for line in rest if line]
    indent = min(indents, default=0)
    return "\n".join([first, *(line[indent:] for line in rest)]).strip("\n ")
