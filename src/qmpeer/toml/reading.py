"""A TOML file as its text and its values."""

import re
import tomllib
from collections.abc import Callable
from typing import Any, Final

_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read_toml(
    path: str, most: int, wrong: Callable[[str, str], Exception]
) -> tuple[str, dict[str, Any]]:
    """Return the text and the values of a file.

    Args:
        path: The file's path, as the user wrote it.
        most: The most bytes that it may have.
        wrong: Makes the error for a file that is no TOML, or longer, of a reason and a place.

    Raises:
        OSError: If it can't be read.
        Exception: What `wrong` makes.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise wrong(f"found more than {most} bytes, expected a shorter file", path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2]) + 1
        found = f"found byte {data[error.start]:#04x}, expected UTF-8"
        raise wrong(found, f"{path}:{line}:{column}") from None
    try:
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise wrong(*_no_toml(path, text, str(error))) from None


def _no_toml(path: str, text: str, reason: str) -> tuple[str, str]:
    """Return the reason and the place of the error for a text that isn't TOML."""
    lines = text.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    if (found := _WHERE.search(reason)) is not None and found[1]:
        line, column = int(found[1]), int(found[2])
    what = _WHERE.sub("", reason)
    return f"not TOML: {what[:1].lower()}{what[1:]}", f"{path}:{line}:{column}"
