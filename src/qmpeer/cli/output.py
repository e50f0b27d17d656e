"""What goes to standard output, in UTF-8 whatever the locale says."""

import sys
from typing import TextIO

from qmpeer.values import JsonValue


def write_json(value: JsonValue, *, is_pretty: bool | None = False) -> None:
    """Write a value as JSON, and flush.

    Args:
        value: What to write.
        is_pretty: Indented, or on one line; None is indented on a terminal only.
    """
    from qmpeer.wire import encode_line, encode_pretty

    if is_pretty is None:
        is_pretty = sys.stdout.isatty()
    text = (encode_pretty if is_pretty else encode_line)(value)
    sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Write a text, without what could steer a terminal, and flush."""
    write_bytes(text.encode("utf-8", "surrogateescape"), sys.stdout)


def write_bytes(data: bytes, stream: TextIO) -> None:
    """Write what somebody else made: as it is, but on a terminal without what could steer it."""
    if stream.isatty():
        from qmpeer.cli.page import Page
        from qmpeer.shell.visible import visible_lines

        stream.write(Page(stream).encoded(visible_lines(data.decode(errors="backslashreplace"))))
    else:
        stream.flush()
        stream.buffer.write(data)
    stream.flush()
