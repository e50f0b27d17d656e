"""A TOML file with the places of its values, for errors.

[Places are searched only when there is an error, by the way in which people write scripts: each
table has a header of its own, and each key is the first word of a line.]
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from qmpeer import limits

_HEADER: Final = re.compile(r"\s*\[(\[)?\s*([^\]]+?)\s*\]")
_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


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
        with open(path, "rb") as file:
            data = file.read(limits.FAKE_QEMU_SCRIPT + 1)
        if len(data) > limits.FAKE_QEMU_SCRIPT:
            most = limits.FAKE_QEMU_SCRIPT
            raise script_error(f"found more than {most} bytes, expected a script", path)
        try:
            self._text = data.decode()
            self.values: Mapping[str, Any] = tomllib.loads(self._text)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            found = f"found byte {data[error.start]:#04x}, expected UTF-8"
            raise script_error(found, f"{path}:{line}") from None
        except tomllib.TOMLDecodeError as error:
            reason = str(error)
            at = _AT_LINE.search(reason)
            line = int(at[1]) if at and at[1] else len(self._text.splitlines())
            raise script_error(f"not TOML: {_AT_LINE.sub('', reason)}", f"{path}:{line}") from None

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


def script_error(reason: str, place: str) -> Exception:
    """Return a ScriptError."""
    from qmpeer.errors import ScriptError  # start: 40 ms

    return ScriptError(reason, place)
