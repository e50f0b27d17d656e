"""The source files of a schema, places in them, and their errors."""

import re
from array import array
from bisect import bisect_right
from typing import Final

from qmpeer import limits
from qmpeer.errors import Location, SchemaError, SchemaSemanticError, SchemaSyntaxError

_LINE_END: Final = re.compile("\n")


class SourceFile:
    """One source file.

    Attributes:
        file: The name by which it was read.
        text: Its text.
        includes: The place of its include, then that of the including file, up to the first file.
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
        """Return a line by its number, without the line end.

        Errors on one line share its text, which may be as long as the file.
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
        # Only when a place is printed: most files have no error.
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(found.end() for found in _LINE_END.finditer(self.text))


class SourcePlace:
    """A place in a file, stored as an offset; line and column are computed on demand."""

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
    """Raised to stop reading after too many errors."""


class Problems:
    """The errors of a schema, collected so that one run reports all of them."""

    def __init__(self) -> None:
        self._errors: list[SchemaError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def has_syntax_errors(self) -> bool:
        """True if some text could not be parsed; definitions may then seem to be missing."""
        return any(isinstance(error, SchemaSyntaxError) for error in self._errors)

    def syntax(self, place: SourcePlace, reason: str) -> None:
        """Record text that can't be parsed."""
        self._add(SchemaSyntaxError, place, reason)

    def semantic(self, place: SourcePlace, reason: str) -> None:
        """Record text that breaks a rule of the language."""
        self._add(SchemaSemanticError, place, reason)

    def _add(self, kind: type[SchemaError], place: SourcePlace, reason: str) -> None:
        location = place.location
        text = place.source.line(location.line)
        self._errors.append(kind(reason, location, text, place.definition, place.source.includes))
        if len(self._errors) >= limits.SCHEMA_ERRORS:
            raise TooManyErrors

    def error(self) -> SchemaError:
        """Return the first error, with the others in its `others`."""
        first, *others = self._errors
        first.others = tuple(others)
        return first
