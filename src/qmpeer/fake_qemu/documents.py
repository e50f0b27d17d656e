"""A TOML file with the places of its values, for errors.

[Places are searched only when there is an error, by the way in which people write scripts: each
table has a header of its own, and each key is the first word of a line.]
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from qmpeer import limits
from qmpeer.toml.reading import read_toml

_HEADER: Final = re.compile(r"\s*\[(\[)?\s*([^\]]+?)\s*\]")


def script_error(reason: str, place: str) -> Exception:
    """Return a ScriptError."""
    from qmpeer.errors import ScriptError  # start: 30 ms of a fake QEMU

    return ScriptError(reason, place)


class Document:
    """A parsed TOML file.

    Args:
        path: The file's path, as the user wrote it.

    Attributes:
        path: The file's path.
        values: The whole document.

    Raises:
        OSError: If it can't be read.
        ScriptError: If it is no TOML, or longer than `limits.FAKE_QEMU_SCRIPT`.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path
        self._text, values = read_toml(path, limits.FAKE_QEMU_SCRIPT, script_error)
        self.values: Mapping[str, Any] = values

    def place(self, table: str, number: int = 0, key: str = "") -> str:
        """Return the file and line of a table, or of a key in it.

        Args:
            table: The table's name.
            number: The number of the table among those of this name, from 0.
            key: The key; "" for the table itself.
        """
        found, header = -1, 0
        for line, text in enumerate(self._text.splitlines(), 1):
            if heading := _HEADER.match(text):
                if header and heading[2].partition(".")[0] != table:
                    break
                if heading[2] == table:
                    found += 1
                    if found > number:
                        break
                    header = line if found == number else 0
                elif header and key and heading[2] == f"{table}.{key}":
                    return f"{self.path}:{line}"
            elif header and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", text):
                return f"{self.path}:{line}"
        return f"{self.path}:{header or self._first(table)}"

    def _first(self, key: str) -> int:
        """Return the line of the first word, from 1."""
        for line, text in enumerate(self._text.splitlines(), 1):
            if re.match(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}\b", text):
                return line
        return 1
