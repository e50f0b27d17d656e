"""What a program says of the character devices of its command line, line by line, as QEMU does.

The file start_lines.txt holds command lines, their words separated by tabs, with what is said of
them; "@" stands for the option that it is said of, "DIR" for a folder that holds `plain`, a file,
and `fifo`, a named pipe.
"""

import asyncio
import os
import re
from pathlib import Path

from qmpeer.chardev import (
    Chardevs,
    Description,
    Surroundings,
    parse_chardev,
    parse_device,
)
from qmpeer.errors import ChardevError

LINES = Path(__file__).with_name("start_lines.txt")
Said = list[str]


def expectations() -> dict[tuple[str, ...], Said]:
    """Read the file: command lines, and what is said of them."""
    found: dict[tuple[str, ...], Said] = {}
    said: Said = []
    for line in LINES.read_text().splitlines():
        if line.startswith("    "):
            said.append(line[4:])
        else:
            said = found[tuple(line.split("\t"))] = []
    return found


def prepare(folder: Path) -> None:
    """Put there what the command lines speak of."""
    folder.mkdir()
    (folder / "plain").touch()
    os.mkfifo(folder / "fifo")


def in_folder(words: tuple[str, ...], folder: Path) -> list[str]:
    return [word.replace("DIR", str(folder)) for word in words]


def neutral(text: str, folder: Path) -> str:
    """Leave out what differs from run to run."""
    return re.sub(r"/dev/pts/\d+", "PTS", text.replace(str(folder), "DIR"))


async def say(words: list[str]) -> Said:
    """Do what a program does that starts with this command line, and return what it says."""
    start = _Start()
    try:
        async with asyncio.timeout(10):
            status = await start.run(words)
    finally:
        start.devices.close()
    return [*start.said, f"-> {status}"]


class _Start:
    def __init__(self) -> None:
        self.said: Said = []
        self._monitors = 0
        self.devices = Chardevs(Surroundings(say=self.said.append, is_insecure=True))

    async def run(self, words: list[str]) -> str:
        descriptions: list[Description] = []
        for option, text in zip(words[::2], words[1::2], strict=True):
            try:
                description = self._read(option, text, [each.label for each in descriptions])
            except ChardevError as error:
                return self._fail(error)
            for warning in description.warnings:
                self._say(f"@: warning: {warning}")
            descriptions.append(description)
        for description in descriptions:
            if description.help:
                self.said.append("stdout")
                return str(description.help_status)
            try:
                await self._make(description)
            except ChardevError as error:
                return self._fail(error)
        return "starts"

    def _read(self, option: str, text: str, labels: list[str | None]) -> Description:
        taken = {label for label in labels if label is not None}
        if option == "-chardev":
            return parse_chardev(text, taken)
        self._monitors += 1
        return parse_device(text, f"compat_monitor{self._monitors - 1}", taken=taken)

    async def _make(self, description: Description) -> None:
        if description.is_reference:
            self.devices.required(str(description.label))
        else:
            await self.devices.add_described(description)

    def _fail(self, error: ChardevError) -> str:
        for line in error.earlier:
            self._say(f"@: {line}")
        self._say(f"@: {error.reason}")
        if error.hint:
            self._say(error.hint)
        return "1"

    def _say(self, text: str) -> None:
        self.said += text.split("\n")
