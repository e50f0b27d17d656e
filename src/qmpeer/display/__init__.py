"""Text and pictures for a terminal, without I/O: safe text, colours, tables, bars, PNG.

Safe text and colours, which every program needs at once, are imported from their modules. The
names below are imported lazily.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.display.json_text import json_lines, one_line
    from qmpeer.display.tables import is_tabular, table_text

__all__ = ["is_tabular", "json_lines", "one_line", "table_text"]

_HOMES = {
    "is_tabular": "qmpeer.display.tables",
    "json_lines": "qmpeer.display.json_text",
    "one_line": "qmpeer.display.json_text",
    "table_text": "qmpeer.display.tables",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
