"""Sources: the files of a schema while it is read, and what is found wrong in them."""

import re
from array import array
from bisect import bisect_right
from typing import Final

from qmpeer import limits
from qmpeer.errors import Location, SchemaError, SchemaSemanticError, SchemaSyntaxError

_LINE_END: Final = re.compile("\n")


class SourceFile:
    """One file.

    Attributes:
        file: The name by which it was read.
        text: Its text.
        includes: Where it was included, then where that file was, up to the first.
    """

    def __init__(self, file: str, text: str, includes: tuple[Location, ...] = ()) -> None:
        self.file = file
        self.text = text
        self.includes = includes
        self._starts = array("I")
        self._line = (0, "")

    def location(self, offset: int) -> Location:
        """Return the line and the column of an offset in the text."""
        self._split()
        line = bisect_right(self._starts, offset) - 1
        return Location(self.file, line + 1, offset - self._starts[line] + 1)

    def line(self, number: int) -> str:
        """Return a line by its number, without its end.

        Errors of one line share its text, which may be as long as the file.
        """
        if self._line[0] != number:
            self._split()
            start = self._starts[number - 1]
            end = self.text.find("\n", start)
            self._line = (number, self.text[start : end if end >= 0 else None].rstrip("\r"))
        return self._line[1]

    def line_offset(self, number: int) -> int:
        """Return the offset at which a line begins."""
        self._split()
        return self._starts[number - 1]

    def _split(self) -> None:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(found.end() for found in _LINE_END.finditer(self.text))


class SourcePlace:
    """A place in a file, cheaply kept: line and column are made out when asked for."""

    __slots__ = ("definition", "offset", "source")

    def __init__(self, source: SourceFile, offset: int, definition: str | None = None) -> None:
        self.source: SourceFile = source
        self.offset: int = offset
        self.definition: str | None = definition

    def at(self, offset: int) -> "SourcePlace":
        """Return another place in the same definition."""
        return SourcePlace(self.source, offset, self.definition)

    @property
    def location(self) -> Location:
        """The line and the column."""
        return self.source.location(self.offset)


class TooManyErrors(Exception):
    """So many errors that reading on is of no use."""


class Problems:
    """What is wrong, collected so that one run tells all of it."""

    def __init__(self) -> None:
        self._errors: list[SchemaError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def has_syntax_errors(self) -> bool:
        """Whether something could not be read, so that much may seem to be missing."""
        return any(isinstance(error, SchemaSyntaxError) for error in self._errors)

    def syntax(self, place: SourcePlace, reason: str) -> None:
        """Note that the text can't be read."""
        self._add(SchemaSyntaxError, place, reason)

    def semantic(self, place: SourcePlace, reason: str) -> None:
        """Note that the text says what can't be."""
        self._add(SchemaSemanticError, place, reason)

    def _add(self, kind: type[SchemaError], place: SourcePlace, reason: str) -> None:
        location = place.location
        text = place.source.line(location.line)
        self._errors.append(kind(reason, location, text, place.definition, place.source.includes))
        if len(self._errors) >= limits.SCHEMA_ERRORS:
            raise TooManyErrors

    def error(self) -> SchemaError:
        """Return the first error, which holds the others."""
        first, *others = self._errors
        first.others = tuple(others)
        return first
