"""The names of all commands' arguments, read from QEMU's schemas for qmpeer.policy.

Usage: python scripts/argument_names.py TREE...

Each TREE is the source of a QEMU release, or its QAPI files alone. Their names are joined to those
that are there already, so that the tables have those of each release that was ever read.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from qmpeer.policy.argument_names import TABLE, Names, read_table
from qmpeer.policy.schema_names import add_schema
from qmpeer.schema import schema_from_qapi

ROOTS: Final = (
    "qapi-schema.json",
    "qapi/qapi-schema.json",
    "qga/qapi-schema.json",
    "storage-daemon/qapi/qapi-schema.json",
)


def lines(table: Names) -> Iterator[str]:
    """Give the lines of the table."""
    for key in sorted(table):
        words = []
        for member, kinds in sorted(table[key].items()):
            if any(kind.endswith("[]") and kind != "[]" for kind in kinds):
                kinds = kinds - {"[]"}
            named = "|".join(sorted(kinds - {""}))
            words.append(f"{member}={named}" if named else member)
        yield f"{key}: {' '.join(words)}".rstrip()


def main(trees: list[str]) -> int:
    """Join the names in some trees to the table."""
    table = read_table()
    for tree in map(Path, trees):
        for root in ROOTS:
            if (tree / root).exists():
                add_schema(table, schema_from_qapi(root, reader(tree)))
    TABLE.write_text("\n".join(lines(table)) + "\n", encoding="utf-8")
    return 0


def reader(tree: Path) -> Callable[[str], bytes]:
    """Return a function that reads the files of a tree."""
    return lambda name: (tree / name).read_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
