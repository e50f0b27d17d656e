"""A TOML file as its text and its values."""

import re
import tomllib
from typing import Any, Final

_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read_toml(path: str, most: int) -> tuple[str, dict[str, Any]]:
    """Return the text and the values of a file.

    Args:
        path: The file's path, as the user wrote it.
        most: The most bytes that it may have.

    Raises:
        OSError: If it can't be read.
        ScriptError: If it is no TOML, or longer.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise script_error(f"found more than {most} bytes, expected a script", path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2]) + 1
        found = f"found byte {data[error.start]:#04x}, expected UTF-8"
        raise script_error(found, f"{path}:{line}:{column}") from None
    try:
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _no_toml(path, text, str(error)) from None


def _no_toml(path: str, text: str, reason: str) -> Exception:
    """Return the error for a text that isn't TOML."""
    lines = text.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    if (found := _WHERE.search(reason)) is not None and found[1]:
        line, column = int(found[1]), int(found[2])
    what = _WHERE.sub("", reason)
    return script_error(f"not TOML: {what[:1].lower()}{what[1:]}", f"{path}:{line}:{column}")


def script_error(reason: str, place: str) -> Exception:
    """Return a ScriptError."""
    from qmpeer.errors import ScriptError  # start: 30 ms of a fake QEMU

    return ScriptError(reason, place)
