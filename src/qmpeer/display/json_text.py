"""JSON for people: indented, short containers on one line, coloured, safe for a terminal."""

import json
from collections.abc import Iterator

from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import visible
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line

_INDENT = "  "
_DEEPEST = 100


def json_text(value: JsonValue, width: int = 80, palette: Palette = PLAIN) -> str:
    """Return a value as indented JSON.

    Args:
        value: The value.
        width: The columns of a line. A list or object that fits, and contains no other, stays on
            one line.
        palette: The colours.

    Example:
        >>> print(json_text({"a": [1, 2], "b": {"c": {"d": None}}}, 22))
        {
          "a": [1, 2],
          "b": {
            "c": {"d": null}
          }
        }
    """
    return "\n".join(json_lines(value, width, palette))


def json_lines(value: JsonValue, width: int = 80, palette: Palette = PLAIN) -> Iterator[str]:
    """Yield the lines of `json_text`."""
    line: list[str] = []
    for piece in _Writer(width, palette).pieces(value, "", 0):
        if piece == "\n":
            yield "".join(line)
            line = []
        else:
            line.append(piece)
    yield "".join(line)


class _Writer:
    def __init__(self, width: int, palette: Palette) -> None:
        self._width = width
        self._palette = palette

    def pieces(self, value: JsonValue, indent: str, used: int) -> Iterator[str]:
        if not isinstance(value, dict | list):
            yield self._scalar(value)
            return
        opener, closer = "{}" if isinstance(value, dict) else "[]"
        if not value:
            yield opener + closer
            return
        short = self._short(value, len(indent) + used)
        if short is not None:
            yield short
            return
        if len(indent) > _DEEPEST:  # deeper indents help nobody, and their sum grows quadratically
            yield one_line(value)
            return
        inner = indent + _INDENT
        yield opener
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        last = len(value) - 1
        for index, (name, item) in enumerate(entries):
            yield "\n"
            yield inner
            before = 0
            if isinstance(value, dict):
                text = visible(json.dumps(name, ensure_ascii=False))
                before = len(text) + 2
                yield self._palette.paint("name", text)
                yield ": "
            yield from self.pieces(item, inner, before)
            if index < last:
                yield ","
        yield "\n"
        yield indent + closer

    def _short(self, value: "dict[str, JsonValue] | list[JsonValue]", used: int) -> str | None:
        items = value.values() if isinstance(value, dict) else value
        if len(value) > self._width or any(
            isinstance(item, dict | list) and item for item in items
        ):
            return None
        room = self._width - used - 1
        # A cheap lower bound first: long strings need not be encoded to see that they don't fit.
        if sum(len(item) for item in items if isinstance(item, str)) > room:
            return None
        plain = visible(json.dumps(value, ensure_ascii=False))
        if len(plain) > room:
            return None
        if isinstance(value, list):
            return f"[{', '.join(map(self._scalar, value))}]"
        members = (
            f"{self._palette.paint('name', visible(json.dumps(name, ensure_ascii=False)))}: "
            f"{self._scalar(item)}"
            for name, item in value.items()
        )
        return f"{{{', '.join(members)}}}"

    def _scalar(self, value: JsonValue) -> str:
        text = visible(json.dumps(value, ensure_ascii=False))
        if isinstance(value, str):
            return self._palette.paint("string", text)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._palette.paint("number", text)
        return self._palette.paint("constant", text)


def one_line(value: JsonValue) -> str:
    """Return a value as JSON on one line, safe for a terminal."""
    try:
        return visible(json.dumps(value, ensure_ascii=False))
    except RecursionError:  # nested too deep for the standard library
        return encode_line(value).decode("ascii").rstrip()
