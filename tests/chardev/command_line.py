"""A program's output about the character devices of its command line, as QEMU prints it.

The golden file start_lines.txt holds the command lines with QEMU's output.
"""

import asyncio
from pathlib import Path

from qmpeer.chardev import (
    Chardevs,
    Description,
    Host,
    parse_chardev,
    parse_device,
)
from qmpeer.errors import ChardevError
from tests.patience import PATIENCE
from tests.starts import Place, Said, Words

LINES = Path(__file__).with_name("start_lines.txt")


async def say(words: Words, place: Place) -> Said:
    """Start a program with this command line, and return its output."""
    start = _Start()
    try:
        async with asyncio.timeout(PATIENCE):
            status = await start.run(place.put(words))
    finally:
        start.devices.close()
    return place.said(words, "\n".join(start.err), "\n".join(start.out), status)


class _Start:
    """The start of a program, which makes its devices and keeps its output."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self._monitors = 0
        self.devices = Chardevs(Host(say=self.out.append, is_insecure=True))

    async def run(self, words: list[str]) -> str:
        """Return the exit status, or "starts"."""
        described: list[tuple[str, Description]] = []
        for option, text in zip(words[::2], words[1::2], strict=True):
            where = f"{option} {text}: "
            try:
                description = self._read(option, text, [each.label for _, each in described])
            except ChardevError as error:
                return self._fail(where, error)
            for warning in description.warnings:
                self.err.append(f"{where}warning: {warning}")
            described.append((where, description))
        for where, description in described:
            if description.help:
                self.out.append(description.help.removesuffix("\n"))
                return str(description.help_status)
            try:
                await self._make(description)
            except ChardevError as error:
                return self._fail(where, error)
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

    def _fail(self, where: str, error: ChardevError) -> str:
        for text in (*error.earlier, error.reason):
            self.err.append(f"{where}{text}")
        if error.hint:
            self.err.append(error.hint)
        return "1"
