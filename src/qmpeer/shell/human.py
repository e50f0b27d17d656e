"""The human monitor through QMP: the CPU that lines are about, and how they can go on."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.client import AsyncClient
from qmpeer.shell.argument_completion import Completions, Item, starting
from qmpeer.shell.name_kinds import Names
from qmpeer.values import JsonObject

_HELP: Final = re.compile(r"^(?:info )?([\w.|-]+)(?: .*)? -- ", re.M)
_INFO: Final = re.compile(r"^info ([\w-]+)(?: .*)? -- ", re.M)


class HumanMonitor:
    """The CPU that lines for the human monitor are about.

    QEMU takes the CPU with each line, and refuses one that isn't there: nothing is said of a CPU
    until somebody chooses one by ``cpu N``.
    """

    def __init__(self) -> None:
        self._cpu: int | None = None

    def arguments(self, line: str) -> JsonObject:
        """Return the arguments of human-monitor-command for a line."""
        cpu = _choice(line)
        if cpu is None:
            cpu = self._cpu
        return {"command-line": line} | ({} if cpu is None else {"cpu-index": cpu})

    def take(self, line: str, text: str) -> None:
        """Take in what a line printed: the CPU that it chose counts if it is there."""
        cpu = _choice(line)
        if cpu is not None and "nvalid" not in text:
            self._cpu = cpu


def _choice(line: str) -> int | None:
    """Return the CPU that a line chooses; None if it chooses none."""
    words = line.split()
    is_choice = len(words) == 2 and words[0] == "cpu" and words[1].isdecimal()
    # int() refuses thousands of digits, and no machine has so many CPUs.
    return int(words[1]) if is_choice and len(words[1]) < 10 else None


def names_in_help(text: str, *, of_info: bool = False) -> Iterator[str]:
    r"""Give the commands that a help text names, and their short forms.

    Example:
        >>> list(names_in_help("p|print /fmt expr -- print\nquit|q  -- quit"))
        ['p', 'print', 'quit', 'q']
        >>> list(names_in_help("info block [-v] -- show", of_info=True))
        ['block']
    """
    for found in (_INFO if of_info else _HELP).finditer(text.replace("\r", "")):
        yield from found[1].split("|")


def complete_human(line: str, names: Names) -> Completions:
    """Find how a line for the human monitor can go on.

    Args:
        line: The line up to the cursor.
        names: Its "human" names are those of the commands; those behind a command, such as info,
            it gives for that word.
    """
    words = line.split(" ")
    typed = words[-1]
    about = " ".join(word for word in words[:-1] if word)
    if about == "help":
        about = ""
    items = (Item(f"{name} ") for name in names("human", about))
    return Completions(len(line) - len(typed), tuple(starting(typed, items)))


async def human_names(client: AsyncClient, before: str, timeout: float) -> Sequence[str]:
    """Return what may follow the words of a line for the human monitor."""
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
"""What the first argument of a command of the human monitor names."""
