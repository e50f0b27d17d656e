"""Completion of lines for the human monitor."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.client import AsyncClient
from qmpeer.shell.argument_completion import Candidate, CompletionResult, matching_candidates
from qmpeer.shell.name_kinds import NameLookup
from qmpeer.values import JsonObject

_HELP: Final = re.compile(r"^(?:info )?([\w.|-]+)(?: .*)? -- ", re.M)
_INFO: Final = re.compile(r"^info ([\w-]+)(?: .*)? -- ", re.M)


def names_in_help(text: str, *, of_info: bool = False) -> Iterator[str]:
    r"""Yield the commands that a help text lists, and their short forms.

    Example:
        >>> list(names_in_help("p|print /fmt expr -- print\nquit|q  -- quit"))
        ['p', 'print', 'quit', 'q']
        >>> list(names_in_help("info block [-v] -- show", of_info=True))
        ['block']
    """
    for found in (_INFO if of_info else _HELP).finditer(text.replace("\r", "")):
        yield from found[1].split("|")


def complete_human(line: str, names: NameLookup) -> CompletionResult:
    """Return the completions of a line for the human monitor.

    Args:
        line: The line up to the cursor.
        names: Returns names of the kind "human": the words that can follow the text of the line,
            such as "info"; commands for "".
    """
    words = line.split(" ")
    typed = words[-1]
    about = " ".join(word for word in words[:-1] if word)
    if about == "help":
        about = ""
    candidates = (Candidate(f"{name} ") for name in names("human", about))
    return CompletionResult(len(line) - len(typed), tuple(matching_candidates(typed, candidates)))


async def human_names(client: AsyncClient, before: str, timeout: float) -> Sequence[str]:
    """Return the words that can follow the beginning of a line for the human monitor."""
    if before not in ("", "info"):
        kind = _ARGUMENTS.get(before.split(maxsplit=1)[0])
        return await client.names(kind, timeout=timeout) if kind and " " not in before else ()
    line = before or "help"
    arguments: JsonObject = {"command-line": line}
    text = await client.execute("human-monitor-command", arguments, timeout=timeout)
    return sorted(names_in_help(str(text), of_info=before == "info"))


_ARGUMENTS: Final = {
    "eject": "drive",
    "change": "drive",
    "block_resize": "drive",
    "block_stream": "drive",
    "commit": "drive",
    "drive_del": "drive",
    "device_add": "device-type",
    "device_del": "device",
    "netdev_del": "netdev",
    "set_link": "netdev",
    "object_del": "object",
    "chardev-remove": "chardev",
    "chardev-change": "chardev",
    "ringbuf_read": "chardev",
    "ringbuf_write": "chardev",
    "qom-list": "qom-path",
}
"""The kind of name that the first argument of a human monitor command expects."""
