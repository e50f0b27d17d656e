"""Draw the house: the rooms by floor, and which room imports which.

Rooms are the packages and modules below src/qmpeer, floors are the layers of the contract in
pyproject.toml, arrows are the imports in the files, including those for type checkers. A strong
arrow is the only way from one room to another; a pale one is a short cut. Arrows to the ground are
left out, since every room may import it.

    python scripts/house.py            writes docs/pictures/house.svg
    python scripts/house.py --check    compares; status 1 if the drawing is stale

The files are only read, not run, so the same source always gives the same bytes.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import permutations
from math import fsum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
PACKAGE = "qmpeer"
DOORS = ("__init__", "__main__")
"""Modules outside of all rooms: the exported names, and the command."""

WIDTH, MARGIN, LABEL = 960, 24, 76
BOX_WIDTH, BOX_HEIGHT = 132, 40
FLOOR = 112
SHIFT = 24
"""Sideways shift of rows with an odd number of rooms: fewer arrows then pass behind rooms."""
SWEEPS = 6

STYLE = """\
    .paper { fill: #fbfaf7; }
    .floor { stroke: #d9d5cb; stroke-width: 1; }
    .label { fill: #7a7568; font: 12px system-ui, sans-serif; }
    .room { fill: #ffffff; stroke: #4a5a78; stroke-width: 1.4; }
    .ground { fill: #efece3; stroke: #8b8674; }
    .name { fill: #1d2738; font: 600 14px system-ui, sans-serif; text-anchor: middle; }
    .near { fill: none; stroke: #3b6ea8; stroke-width: 1.6; }
    .far { fill: none; stroke: #a9b7c9; stroke-width: 1; opacity: 0.75; }
    .near-head { fill: #3b6ea8; }
    .far-head { fill: #a9b7c9; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #171b22; }
      .floor { stroke: #333a46; }
      .label { fill: #99a1b0; }
      .room { fill: #222936; stroke: #8fa5cc; }
      .ground { fill: #2a2b2b; stroke: #8d897a; }
      .name { fill: #e8edf6; }
      .near { stroke: #7fb0ea; }
      .far { stroke: #536177; }
      .near-head { fill: #7fb0ea; }
      .far-head { fill: #536177; }
    }"""

Floors = list[list[str]]
Imports = dict[str, set[str]]


class Box(NamedTuple):
    """The place of a room in the picture: the middle of its upper edge."""

    x: float
    y: float

    @property
    def bottom(self) -> float:
        """The height of its lower edge."""
        return self.y + BOX_HEIGHT


# --- Rooms, floors, imports ---------------------------------------------------------------------


def floors_of(project: str, rooms: Iterable[str]) -> Floors:
    """Return the rooms on each floor of the contract, the roof first; planned ones are left out.

    Args:
        project: The text of pyproject.toml.
        rooms: All existing rooms.

    Raises:
        ValueError: If a room is on no floor.
    """
    contracts = tomllib.loads(project)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    here = set(rooms)
    planned = [[name.strip(" ()") for name in layer.split("|")] for layer in layers]
    floors = [[name for name in floor if name in here] for floor in planned]
    homeless = here.difference(*floors)
    if homeless:
        raise ValueError(f"no floor of the contract has {', '.join(sorted(homeless))}")
    return [floor for floor in floors if floor]


def imports_of(folder: Path) -> Imports:
    """Return which rooms each room imports.

    Args:
        folder: The package's folder.
    """
    found: Imports = {}
    for path in sorted(folder.rglob("*.py")):
        room = path.relative_to(folder).parts[0].removesuffix(".py")
        if room not in DOORS:
            found.setdefault(room, set()).update(_rooms_in(ast.parse(path.read_text("utf-8"))))
    return {room: (others & found.keys()) - {room} for room, others in found.items()}


def _rooms_in(tree: ast.AST) -> Iterator[str]:
    """Give the rooms that imports name; expressions are skipped, since they contain none."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(tree, field, ()):
            match node:
                case ast.ImportFrom(module=str(module), names=names):
                    yield from (f"{module}.{each.name}.".split(".")[1] for each in names)
                case ast.Import(names=names):
                    yield from (f"{each.name}.".split(".")[1] for each in names)
                case _:
                    yield from _rooms_in(node)


def is_short_cut(imports: Mapping[str, set[str]], room: str, other: str) -> bool:
    """Return True if a room also reaches another one through a third."""
    seen, waiting = set[str](), imports[room] - {other}
    while waiting:
        seen |= waiting
        waiting = set[str]().union(*(imports[name] for name in waiting)) - seen
    return other in seen


# --- Layout -------------------------------------------------------------------------------------


def places(floors: Floors, imports: Imports) -> dict[str, Box]:
    """Return the places of the rooms, with connected rooms below each other if possible."""
    rows = [sorted(floor) for floor in floors]
    # Reorder one row at a time, the others fixed: all rows at once would be too many orders.
    for _ in range(SWEEPS):
        for index in range(len(rows) - 1):  # the ground has no arrows
            rows[index] = _best_order(rows, index, imports)
    return _boxes(rows)


def _best_order(rows: Sequence[Sequence[str]], index: int, imports: Imports) -> list[str]:
    """Return the order of a row that makes the arrows shortest, as far as they go sideways."""
    boxes, row = _boxes(rows), rows[index]
    lengths = {
        room: [_length(boxes[other].x, _connected(room, imports) - {*row}, boxes) for other in row]
        for room in row
    }
    orders = ([*order] for order in permutations(row))
    return min(
        orders, key=lambda order: fsum(lengths[room][spot] for spot, room in enumerate(order))
    )


def _length(x: float, others: Iterable[str], boxes: Mapping[str, Box]) -> float:
    """Return the total sideways length of the arrows between a place and other rooms."""
    return fsum(abs(x - boxes[other].x) for other in others)  # the same in any order, as of a set


def _connected(room: str, imports: Imports) -> set[str]:
    return imports[room].union(other for other in imports if room in imports[other])


def _boxes(rows: Sequence[Sequence[str]]) -> dict[str, Box]:
    return {
        room: Box(
            LABEL + (place + 0.5) * (WIDTH - LABEL) / len(row) + (len(row) % 2 - 0.5) * SHIFT,
            MARGIN + index * FLOOR,
        )
        for index, row in enumerate(rows)
        for place, room in enumerate(row)
    }


def _spread(box: Box, others: Sequence[str], boxes: Mapping[str, Box]) -> dict[str, float]:
    """Return the places on a box's edge of the arrows from or to others, in the others' order."""
    order = sorted(others, key=lambda other: (boxes[other].x, boxes[other].y))
    step = (BOX_WIDTH - 24) / max(len(order) + 1, 2)
    left = box.x - BOX_WIDTH / 2 + 12
    return {other: left + step * (place + 1) for place, other in enumerate(order)}


# --- The drawing --------------------------------------------------------------------------------


def drawing(floors: Floors, imports: Imports, sentences: Mapping[str, str]) -> str:
    """Return the house as SVG.

    Args:
        floors: The rooms on each floor, the ground last.
        imports: Which rooms each room imports.
        sentences: A description of each room, shown when the pointer is on it.
    """
    boxes = places(floors, imports)
    ground = set(floors[-1])
    height = 2 * MARGIN + (len(floors) - 1) * FLOOR + BOX_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "  <title>The house: rooms by floor, and which room imports which</title>",
        f"  <style>\n{STYLE}\n  </style>",
        "  <defs>",
        *(_head(kind) for kind in ("near", "far")),
        "  </defs>",
        f'  <rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>',
    ]
    for index, name in enumerate(_floor_names(len(floors))):
        y = MARGIN + index * FLOOR + BOX_HEIGHT / 2
        lines.append(f'  <text class="label" x="{MARGIN}" y="{y + 4:.0f}">{name}</text>')
        if index:
            edge = y - BOX_HEIGHT / 2 - 18
            lines.append(
                f'  <path class="floor" d="M{MARGIN} {edge:.0f}H{WIDTH - MARGIN}"'
                ' stroke-dasharray="2 5"/>'
            )
    lines += _arrows({room: imports[room] - ground for room in imports}, boxes)
    lines += (_room(room, boxes[room], sentences[room], room in ground) for room in sorted(boxes))
    return "\n".join([*lines, "</svg>", ""])


def _floor_names(count: int) -> list[str]:
    return ["roof", *(f"floor {number}" for number in range(count - 2, 0, -1)), "ground"]


def _head(kind: str) -> str:
    return (
        f'    <marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        f' markerHeight="7" orient="auto"><path class="{kind}-head" d="M0 0L8 4L0 8z"/></marker>'
    )


def _arrows(imports: Imports, boxes: Mapping[str, Box]) -> list[str]:
    """Return the arrows, pale ones first, so that strong ones are drawn over them."""
    importers = {room: [other for other in imports if room in imports[other]] for room in imports}
    starts = {room: _spread(boxes[room], sorted(imports[room]), boxes) for room in imports}
    ends = {room: _spread(boxes[room], importers[room], boxes) for room in imports}
    drawn: list[tuple[bool, str]] = []
    for room in sorted(imports):
        for other in sorted(imports[room]):
            is_near = not is_short_cut(imports, room, other)
            kind = "near" if is_near else "far"
            x, y = starts[room][other], boxes[room].bottom
            end, below = ends[other][room], boxes[other].y - 2
            bend = (below - y) * 0.5
            points = ((x, y), (x, y + bend), (end, below - bend), (end, below))
            start, *curve = (f"{across:.0f} {down:.0f}" for across, down in points)
            path = f"M{start}C{' '.join(curve)}"
            drawn.append(
                (is_near, f'  <path class="{kind}" marker-end="url(#{kind})" d="{path}"/>')
            )
    return [line for _, line in sorted(drawn, key=lambda each: each[0])]


def _room(room: str, box: Box, sentence: str, is_ground: bool) -> str:
    kind = "room ground" if is_ground else "room"
    return (
        f'  <g><title>{escape(sentence)}</title><rect class="{kind}"'
        f' x="{box.x - BOX_WIDTH / 2:.0f}" y="{box.y:.0f}" width="{BOX_WIDTH}"'
        f' height="{BOX_HEIGHT}" rx="7"/><text class="name" x="{box.x:.0f}"'
        f' y="{box.y + BOX_HEIGHT / 2 + 5:.0f}">{escape(room)}</text></g>'
    )


def sentence_of(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def draw(root: Path) -> str:
    """Return the drawing of a project."""
    folder = root / "src" / PACKAGE
    imports = imports_of(folder)
    floors = floors_of((root / "pyproject.toml").read_text("utf-8"), imports)
    files = {room: folder / room / "__init__.py" for room in imports}
    sentences = {
        room: sentence_of(file if file.exists() else folder / f"{room}.py")
        for room, file in files.items()
    }
    return drawing(floors, imports, sentences)


def main(words: Sequence[str]) -> int:
    """Write the drawing, or compare it; return the exit status."""
    wanted = draw(ROOT)
    if words != ["--check"]:
        PICTURE.write_text(wanted, encoding="utf-8")
        return 0
    found = PICTURE.read_text("utf-8") if PICTURE.exists() else ""
    if found == wanted:
        return 0
    print(f"{PICTURE.relative_to(ROOT)} is stale: run python scripts/house.py")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
