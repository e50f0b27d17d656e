"""Parser for the escapes in a mux's input: C-a and a letter. It does no I/O.

Spec: QEMU: ``h`` or ``?`` help, ``x`` exit, ``s`` save disks, ``b`` break, ``c`` next front end,
``t`` time stamps; a second C-a sends one C-a; any other letter is dropped.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final


class Escape(Enum):
    """The actions of the letters behind the escape character."""

    HELP = "h"
    EXIT = "x"
    COMMIT = "s"
    BREAK = "b"
    NEXT = "c"
    TIMESTAMPS = "t"


_LINE: Final = re.compile(rb"[^\n]*\n|[^\n]+")
_LETTERS: Final = {ord(escape.value): escape for escape in Escape} | {ord("?"): Escape.HELP}


class EscapeReader:
    """A parser that separates escapes from other input."""

    def __init__(self, character: int) -> None:
        """Set the character that begins an escape, 1 for C-a; none if it isn't a byte."""
        self._character = character
        self._mark = bytes((character,)) if 0 <= character <= 0xFF else b""
        self._has_mark = False

    def receive(self, data: bytes) -> Iterator[bytes | Escape]:
        """Yield input and escapes in order."""
        at = 0
        if not self._mark:
            yield data
            return
        while at < len(data):
            if self._has_mark:
                self._has_mark = False
                byte = data[at]
                at += 1
                if byte == self._character:
                    yield self._mark
                elif byte in _LETTERS:
                    yield _LETTERS[byte]
                continue
            end = data.find(self._mark, at)
            end = len(data) if end < 0 else end
            if end > at:
                yield data[at:end]
            self._has_mark = end < len(data)
            at = end + 1


def help_text(character: int) -> bytes:
    """Return the help that a mux prints."""
    if 0 < character < 26:
        name, before = f"C-{chr(ord('a') - 1 + character)}", ""
    else:
        name, before = "Escape-Char", f"\n\rEscape-Char set to Ascii: 0x{character:02x}\n\r"
    lines = (
        f"{name} h    print this help",
        f"{name} x    exit emulator",
        f"{name} s    save disk data back to file (if -snapshot)",
        f"{name} t    toggle console timestamps",
        f"{name} b    send break (magic sysrq)",
        f"{name} c    switch between console and monitor",
        f"{name} {name}  sends {name}",
    )
    return (before + "".join(f"\n\r{line}" for line in lines) + "\n\r").encode()


class Stamper:
    """A writer of time stamps before lines: the time since the first stamp."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._is_on = False
        self._is_line_start = False

    def toggle(self) -> None:
        """Start or stop to write time stamps."""
        self._is_on = not self._is_on
        self._began = None
        self._is_line_start = False

    def stamp(self, data: bytes, now: float) -> bytes:
        """Return output with time stamps before its lines."""
        if not self._is_on or not data:
            return data
        pieces: list[bytes] = []
        for line in _LINE.findall(data):
            if self._is_line_start:
                pieces.append(self._text(now))
            pieces.append(line)
            self._is_line_start = line.endswith(b"\n")
        return b"".join(pieces)

    def _text(self, now: float) -> bytes:
        if self._began is None:
            self._began = now
        thousandths = int((now - self._began) * 1000)
        seconds, thousandths = divmod(thousandths, 1000)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return b"[%02d:%02d:%02d.%03d] " % (hours, minutes, seconds, thousandths)
