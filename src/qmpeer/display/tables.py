"""Lists of objects as tables: a row for each object, a column for each member that fits."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.json_text import one_line
from qmpeer.display.safe_text import columns, cut, visible
from qmpeer.values import JsonObject, JsonValue

_FAVOURITES: Final[Mapping[str, Sequence[str]]] = {
    "query-block": (
        "device", "qdev", "inserted.node-name", "inserted.drv", "inserted.ro", "removable",
        "locked", "inserted.file",
    ),
    "query-named-block-nodes": ("node-name", "drv", "ro", "active", "file"),
    "query-cpus-fast": ("cpu-index", "thread-id", "qom-path", "target"),
    "query-chardev": ("label", "frontend-open", "filename"),
    "query-commands": ("name",),
    "query-jobs": ("id", "type", "status", "current-progress", "total-progress", "error",
                   "stop-reason"),
    "query-block-jobs": ("device", "type", "status", "offset", "len", "speed"),
    "query-machines": ("name", "alias", "cpu-max", "is-default", "deprecated", "default-cpu-type"),
    "query-iothreads": ("id", "thread-id"),
    "qom-list": ("name", "type"),
    "qom-list-types": ("name", "abstract", "parent"),
}  # fmt: skip
"""The main members of well-known commands' objects, the most important first."""
_SEPARATOR: Final = "  "
_LEAST: Final = 6
"""The smallest width to which a table's column is cut."""
_DEEP: Final = 2
"""The levels of nested objects whose members become columns."""


def is_tabular(value: JsonValue) -> bool:
    """Return whether a value is a list of objects that is short enough for a table."""
    return (
        isinstance(value, list)
        and 0 < len(value) <= limits.SHELL_TABLE_ROWS
        and all(isinstance(item, dict) and item for item in value)
    )


def table_text(
    rows: Sequence[JsonObject], width: int, palette: Palette = PLAIN, command: str = ""
) -> tuple[str, bool]:
    """Return a list of objects as a table, and whether the columns that fit are enough to read it.

    For a well-known command, only the main members become columns. A line below the table names
    the members that are left out.

    Args:
        rows: The objects.
        width: The columns of the terminal.
        palette: The colours.
        command: The command that returned the objects.

    Example:
        >>> print(table_text([{"id": "a", "n": 1}, {"id": "bc", "n": 20}], 40)[0])
        id   n
        a    1
        bc  20
    """
    flat = [_flattened(row) for row in rows]
    there: dict[str, None] = {}
    for row in flat:
        there.update(dict.fromkeys(row))
    ordered = sorted(there, key=lambda name: name.count("."))
    favourites = [name for name in _FAVOURITES.get(command, ()) if name in there]
    candidates = (favourites or ordered)[: max(width, 20)]  # more can't fit
    cells = {name: [_cell(row, name) for row in flat] for name in candidates}
    wanted = sorted(cells, key=lambda name: not any(cells[name]))  # the empty ones last
    shown, widths = _fitting(wanted, cells, width)
    numbers = {name for name in shown if all(map(_is_number, cells[name]))}
    titles = {name: visible(name) for name in shown}
    lines = [palette.paint("heading", _line(titles, widths, numbers))]
    lines += [
        _line({name: cells[name][index] for name in shown}, widths, numbers)
        for index in range(len(flat))
    ]
    others = [name for name in ordered if name not in shown]
    if others:
        note = f"(also: {', '.join(map(visible, others))})"
        lines.append(palette.paint("note", cut(note, max(width, 20))))
    return "\n".join(lines), _says_enough(wanted, shown, widths, cells)


def _says_enough(
    wanted: Sequence[str],
    shown: Sequence[str],
    widths: Mapping[str, int],
    cells: Mapping[str, Sequence[str]],
) -> bool:
    """Return whether at least two columns are shown, or the only one is not cut."""
    if len(wanted) > 1:
        return sum(any(cells[name]) for name in shown) > 1
    return all(columns(cell) <= widths[name] for name in shown for cell in cells[name])


def _flattened(row: JsonObject) -> JsonObject:
    result: JsonObject = {}

    def add(prefix: str, value: JsonObject, depth: int) -> None:
        for name, item in value.items():
            if isinstance(item, dict) and item and depth < _DEEP:
                add(f"{prefix}{name}.", item, depth + 1)
            else:
                result[prefix + name] = item

    add("", row, 1)
    return result


def _cell(row: JsonObject, name: str) -> str:
    if name not in row:
        return ""
    value = row[name]
    if isinstance(value, str):
        return visible(value[:1000])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return f"[{len(value)}]" if len(value) > 20 else one_line(value)
    return one_line(value)


def _fitting(
    names: Sequence[str], cells: Mapping[str, Sequence[str]], width: int
) -> tuple[list[str], dict[str, int]]:
    """Choose the columns that fit, and their widths."""
    shown: list[str] = []
    widths: dict[str, int] = {}
    room = width
    for name in names:
        full = max([columns(visible(name)), *map(columns, cells[name])])
        least = min(full, max(_LEAST, columns(visible(name))))
        gap = len(_SEPARATOR) if shown else 0
        if least + gap > room and shown:  # a narrower column may still fit
            continue
        widths[name] = min(full, max(min(full, width // 2), least), room - gap)
        if widths[name] + gap > room:
            widths[name] = room - gap
        shown.append(name)
        room -= widths[name] + gap
        if room < len(_SEPARATOR) + 1:
            break
    for name in shown:  # the remaining room goes to columns that were cut
        full = max([columns(visible(name)), *map(columns, cells[name])])
        more = min(max(room, 0), full - widths[name])
        if more > 0:
            widths[name] += more
            room -= more
    return shown, widths


def _is_number(cell: str) -> bool:
    return not cell or cell.lstrip("-").replace(".", "").isdigit()


def _line(cells: Mapping[str, str], widths: Mapping[str, int], numbers: Collection[str]) -> str:
    parts = []
    for name, cell in cells.items():
        text = cut(cell, max(widths[name], 1))
        blank = " " * (widths[name] - columns(text))
        parts.append(blank + text if name in numbers else text + blank)
    return _SEPARATOR.join(parts).rstrip()
