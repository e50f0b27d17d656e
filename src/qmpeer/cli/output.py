"""Output of the subcommands: lines for people, JSON for programs, files."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from qmpeer.cli.exits import about_file
from qmpeer.display.colours import palette_for
from qmpeer.display.layout import ENDLESS, Layout
from qmpeer.display.safe_text import visible_lines
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line, encode_pretty


class Output(Layout):
    """A stream for lines, with the width, the encoding and the colours that fit it.

    Args:
        stream: Standard output or error; None if it was closed from the start.

    Attributes:
        stream: The stream.
        is_terminal: True if the stream is a terminal.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream: TextIO | None = stream
        self.is_terminal: bool = stream is not None and stream.isatty()
        super().__init__(
            terminal_columns() if self.is_terminal else ENDLESS,
            (None if stream is None else stream.encoding) or "utf-8",
            palette_for(self.is_terminal, os.environ),
        )

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, which may contain colour sequences but no other control characters."""
        text = "".join(f"{line}\n" for line in lines)
        if self.stream is not None and text:
            self.stream.write(self.encoded(text))
            self.stream.flush()


def terminal_columns() -> int:
    """Return the number of columns of the terminal, 80 if there is none.

    As shutil.get_terminal_size; importing shutil imports compressors, 10 ms of each start.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]  # None is caught
    except (AttributeError, ValueError, OSError):
        return 80


def standard_output() -> Output:
    """Return standard output as it is now: tests replace it, terminals are resized."""
    return Output(sys.stdout)


def standard_error() -> Output:
    """Return standard error as it is now."""
    return Output(sys.stderr)


def write_json(value: JsonValue, *, is_pretty: bool | None = False) -> None:
    """Write a value as JSON in UTF-8, and flush.

    Args:
        value: The value.
        is_pretty: True to indent, False for one line, None to indent on a terminal only.
    """
    if is_pretty is None:
        is_pretty = sys.stdout.isatty()
    # The encoders end lines with CR LF, as QMP does on the wire; programs in a pipe expect LF.
    text = (encode_pretty if is_pretty else encode_line)(value)
    sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Write a text in UTF-8 and flush; on a terminal, escape control characters."""
    write_bytes(text.encode("utf-8", "surrogateescape"), sys.stdout)


def write_either(is_json: bool, value: JsonValue, text: str) -> None:
    """Write a value for programs, or a line of text for people."""
    if is_json:
        write_json(value)
    else:
        write_text(f"{text}\n")


def write_bytes(data: bytes, stream: TextIO) -> None:
    """Write bytes of unknown origin as they are; on a terminal, escape control characters."""
    if stream.isatty():
        stream.write(Output(stream).encoded(visible_lines(data.decode(errors="backslashreplace"))))
    else:
        stream.flush()
        stream.buffer.write(data)
    stream.flush()


def write_files(files: Mapping[str, str], folder: str) -> None:
    """Write texts into a folder, and create the folder if it doesn't exist.

    Raises:
        FileError: If the folder or a file can't be written.
    """
    with about_file(folder):
        os.makedirs(folder, exist_ok=True)
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
