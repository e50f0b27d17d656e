"""Results of a bounded size: the first part at once, the rest on request.

What a machine tells may come from its guest, which may have an interest in what the assistant
reads. Characters that can't be seen are therefore escaped.
"""

import json
import secrets
from collections import OrderedDict

from qmpeer import limits
from qmpeer.display.safe_text import visible_lines


def result_text(value: object) -> str:
    r"""Return a JSON value, or a text, as an assistant reads it.

    Example:
        >>> print(result_text({"name": "a\u202eb\U000e0041é"}))
        {"name": "a\u202eb\udb40\udc41é"}
    """
    return visible_lines(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


class Part(str):
    """A part of a result, with a line about how to get the rest."""

    __slots__ = ()


class Results:
    """The rest of those results that were too large to be returned at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()

    def first_part(self, value: object) -> str:
        """Return a value as text, or the text's first part with a line about the rest."""
        if isinstance(value, Part):
            return value
        text = result_text(value)
        if len(text) <= limits.MCP_RESULT:
            return text
        name = secrets.token_hex(4)
        self._kept[name] = text
        while len(self._kept) > limits.MCP_RESULTS or self._size > limits.MCP_RESULTS_SIZE:
            self._kept.popitem(last=False)
        return self.part(name, 0)

    @property
    def _size(self) -> int:
        return sum(map(len, self._kept.values()))

    def part(self, name: str, offset: int) -> Part:
        """Return a part of a kept text.

        Raises:
            ValueError: If the text isn't kept any more, or has no such part.
        """
        text = self._kept.get(name)
        if text is None:
            raise ValueError(f"found no result {name!r}, expected one of the last large results")
        if not 0 <= offset < len(text):
            raise ValueError(f"found the offset {offset}, expected 0 to {len(text) - 1}")
        end = offset + limits.MCP_RESULT
        part = text[offset:end]
        if end >= len(text):
            return Part(part)
        return Part(
            f"{part}\n\n[Characters {offset} to {end} of {len(text)}. For the rest call the tool "
            f'"more" with result "{name}" and offset {end}.]'
        )
