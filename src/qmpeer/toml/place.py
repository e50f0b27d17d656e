"""A place in a file: a line and a column."""

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A place in a file.

    Attributes:
        file: The file's name, relative to the current directory if it is below it.
        line: The line, from 1; 0 if unknown.
        column: The column, from 1; 0 if unknown.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers])
