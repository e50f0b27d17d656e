"""Parser for handlers' docstrings, which document their commands."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Final

from qmpeer.schema import Documentation, Section

_HEADING: Final = re.compile(r"(Args|Arguments|Returns|Raises|Example|Examples|Notes?):\Z")
_ENTRY: Final = re.compile(r"\*{0,2}(\w+)(?: \([^)]*\))?: *(.*)")
_TAGS: Final = {"Raises": "Errors", "Examples": "Example", "Notes": "Note"}


def documentation_of(
    function: Callable[..., object], symbol: str, arguments: Mapping[str, str]
) -> Documentation | None:
    """Parse a docstring: its text, its description of each argument, and its other sections.

    Args:
        function: The handler, documented in Google's style or without sections.
        symbol: The command's name.
        arguments: The arguments' names on the wire, by the parameters' names.

    Returns:
        The documentation, or None without a docstring.

    Example:
        >>> def eject(force: bool = False) -> None:
        ...     '''Open the tray.
        ...
        ...     Args:
        ...         force: Open it even when it is locked.
        ...     '''
        >>> documentation_of(eject, "eject", {"force": "force"}).members
        {'force': 'Open it even when it is locked.'}
    """
    docstring = inspect.getdoc(function)
    if not docstring:
        return None
    text, sections = _parts(docstring)
    members: dict[str, str] = {}
    others: list[Section] = []
    for heading, body in sections:
        if heading in ("Args", "Arguments"):
            members = _entries(body, arguments)
        else:
            others.append(Section(_TAGS.get(heading, heading), body))
    return Documentation(symbol=symbol, text=text, members=members, sections=tuple(others))


def _parts(docstring: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a docstring into the text before the first heading, and the sections."""
    bodies: list[tuple[str, list[str]]] = [("", [])]
    for line in docstring.splitlines():
        heading = _HEADING.match(line)
        if heading:
            bodies.append((heading[1], []))
        else:
            bodies[-1][1].append(line)
    parts = [(heading, inspect.cleandoc("\n" + "\n".join(lines))) for heading, lines in bodies]
    return parts[0][1], parts[1:]


def _entries(body: str, arguments: Mapping[str, str]) -> dict[str, str]:
    entries: dict[str, str] = {}
    name = ""
    for line in body.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            name = arguments.get(entry[1], "")
            if name:
                entries[name] = entry[2]
        elif name:
            entries[name] = f"{entries[name]}\n{line.strip()}".strip()
    return entries
