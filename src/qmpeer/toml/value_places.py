"""The places of the keys and values in a TOML text, with their lines and columns.

`tomllib` parses the values but keeps no positions, so a second parser finds these:
tree-sitter's, with its grammar of TOML, is kept, exact, and fast.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from qmpeer.toml.inside_texts import place_inside
from qmpeer.toml.place import Place

if TYPE_CHECKING:
    from tree_sitter import Node

Path: TypeAlias = tuple[str | int, ...]
"""The way from the document to a value: keys, and indices of arrays."""


class Places:
    r"""The places in one text, which is valid TOML.

    Args:
        file: The file's name in places.
        text: The text.

    Attributes:
        digest: The SHA-256 of the text, in hexadecimal.

    Raises:
        ModuleNotFoundError: If tree-sitter isn't installed.

    Example:
        >>> places = Places("a.toml", '[[on]]\ncommand = "stop"')
        >>> str(places.of(("on", 0, "command"))), str(places.of_key(("on", 0, "command")))
        ('a.toml:2:11', 'a.toml:2:1')
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        data = text.encode()
        self.digest: str = hashlib.sha256(data).hexdigest()
        self._lines = data.split(b"\n")
        self._keys: dict[Path, tuple[int, int]] = {}
        self._values: dict[Path, tuple[int, int]] = {}
        self._arrays: dict[Path, int] = {}  # arrays of tables, and how many tables each has
        for node in _parse(data).named_children:
            if node.type == "pair":
                self._pair((), node)
            elif node.type in ("table", "table_array_element"):
                self._table(node)

    def of(self, path: Path) -> Place:
        """Return the place of a value, or of the nearest one around it."""
        while path and path not in self._values:
            path = path[:-1]
        return self._place(self._values.get(path, (0, 0)))

    def inside(self, path: Path, offset: int) -> Place:
        """Return the place of a character inside a text.

        Args:
            path: The way to the text.
            offset: The number of its characters before that one.
        """
        start = self.of(path)
        lines = [line.decode(errors="replace") for line in self._lines[start.line - 1 :]]
        lines[0] = lines[0][start.column - 1 :]
        down, right = place_inside("\n".join(lines), offset)
        column = right + 1 if down else start.column + right
        return Place(start.file, start.line + down, column)

    def of_key(self, path: Path) -> Place:
        """Return the place of the key of a value, or that of the value if it has none."""
        return self._place(self._keys[path]) if path in self._keys else self.of(path)

    def _place(self, point: tuple[int, int]) -> Place:
        row, column = point
        before = self._lines[row][:column].decode(errors="replace")
        return Place(self._file, row + 1, len(before) + 1)

    def _table(self, node: "Node") -> None:
        header, *pairs = (each for each in node.named_children if each.type != "comment")
        path: Path = ()
        keys = list(_keys(header))
        for at, (key, point) in enumerate(keys):
            path = (*path, key)
            self._note(path, point, point)
            is_last = at == len(keys) - 1
            if is_last and node.type == "table_array_element":
                self._arrays[path] = self._arrays.get(path, 0) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path] - 1)
                self._note(path, point, point)
        for pair in pairs:
            self._pair(path, pair)

    def _pair(self, path: Path, node: "Node") -> None:
        key, value = (each for each in node.named_children if each.type != "comment")
        for name, point in _keys(key):
            path = (*path, name)
            self._note(path, point, point)
        self._values[path] = value.start_point
        self._value(path, value)

    def _value(self, path: Path, node: "Node") -> None:
        children = [each for each in node.named_children if each.type != "comment"]
        if node.type == "inline_table":
            for pair in children:
                self._pair(path, pair)
        elif node.type == "array":
            for at, item in enumerate(children):
                self._values[*path, at] = item.start_point
                self._value((*path, at), item)

    def _note(self, path: Path, key: tuple[int, int], value: tuple[int, int]) -> None:
        """Note a table; one that is mentioned again keeps its first place."""
        self._keys.setdefault(path, key)
        self._values.setdefault(path, value)


def _keys(node: "Node") -> Iterator[tuple[str, tuple[int, int]]]:
    """Give the parts of a key, each with its place."""
    if node.type == "dotted_key":
        for each in node.named_children:
            yield from _keys(each)
        return
    assert node.text is not None, "the parser was given bytes"
    text = node.text.decode()
    if node.type == "quoted_key":
        text = tomllib.loads(f"key = {text}")["key"]
    yield text, node.start_point


def _parse(data: bytes) -> "Node":
    import tree_sitter  # optional extra: testing
    import tree_sitter_toml  # optional extra: testing

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    return parser.parse(data).root_node
