"""The text of a long answer, written in slices so that other clients are served in between."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from qmpeer import limits
from qmpeer.values import JsonObject
from qmpeer.wire import begun, line_pieces, pretty_pieces

_LONGEST: Final = 6  # bytes of a character as JSON has it: \u001F


def begun_text(
    message: JsonObject, is_pretty: bool, *, is_whole: bool
) -> tuple[bytes, Iterator[bytes] | None]:
    """Return a message's text, or its beginning and an iterator over the rest.

    The handler may change its return value later, so the value is written now. The client's id
    can't change, so it may be written later.

    Args:
        message: The message.
        is_pretty: Write it on many lines.
        is_whole: Write all of it now, however long it is.
    """
    value, id = message.get("return"), message.get("id")
    if not is_pretty:
        pieces, end, comma = line_pieces, b"}\r\n", b", "
    else:
        pieces, end, comma = pretty_pieces, b"\r\n}\r\n", b","
    if is_whole:
        return b"".join(pieces(message)), None
    if not value or (type(value) is str and len(value) < limits.WRITTEN_SIZE // _LONGEST):
        return begun(pieces(message))
    if type(id) not in (str, list, dict):
        return b"".join(pieces(message)), None
    first = b"".join(pieces({"return": value})).removesuffix(end) + comma
    others = pieces({"id": id})
    return begun(chain((first, next(others).removeprefix(b"{")), others))
