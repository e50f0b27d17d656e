"""JSON on standard output, in UTF-8 whatever the locale says."""

import sys

from qmpeer.values import JsonValue
from qmpeer.wire import encode_line, encode_pretty


def write_json(value: JsonValue, *, is_pretty: bool | None = False) -> None:
    """Write a value and flush.

    Args:
        value: What to write.
        is_pretty: Indented, or on one line; None is indented on a terminal only.
    """
    if sys.stdout is None:  # it was closed from the start
        return
    if is_pretty is None:
        is_pretty = sys.stdout.isatty()
    text = (encode_pretty if is_pretty else encode_line)(value)
    sys.stdout.buffer.write(text.replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()
