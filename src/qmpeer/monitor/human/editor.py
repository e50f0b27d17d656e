"""The line editor of a human monitor: keys in, finished lines and terminal output out.

Theory of operation.  Keys change the line. `_show` updates the terminal once for all keys that came
together, before anything else is written. The editor keeps a copy of the terminal's line, so it
sends only the difference::

    (qemu) info vrsion      the line changed at `_same`; the text before it is left alone
                 ^          a character at the end is written alone
                            otherwise the rest is written again; if the rest is long and only
                            moves, the terminal inserts or deletes characters instead

So typing costs one byte a key, and no key costs more than the line. QEMU writes the whole line at
every key. The result looks the same on any terminal that is wide enough for the line.

Spec: QEMU 7.2, measured, for every key:

=====================  ====================================================================
CR, LF                 end the line
``^A`` ``^E``          go to the start, the end; so do ``ESC [1~`` ``ESC [4~``,
                       ``ESC O H``, ``ESC O F``
``ESC [D`` ``ESC [C``  go one character back, forward
``^H`` DEL             delete the character before
``^D`` ``ESC [3~``     delete the character under the cursor
``^W``                 delete the word before
``ESC [A`` ``ESC [B``  previous, next line of the history; so do ``ESC [F``, ``ESC [E``
TAB                    complete
``^L``                 clear the screen
=====================  ====================================================================

Bytes from 0x20 on are inserted, other control bytes are ignored, and 0x9B is ``ESC [``.
[The cursor skips a UTF-8 character as a whole, and keys delete it as a whole; it is shown when
complete. QEMU works on single bytes. Nothing is inserted into a full line; QEMU writes beyond its
buffer if the cursor isn't at the end.]
"""

import enum
import re
import unicodedata
from collections.abc import Callable
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.effects.human_words import BLANKS, to_text
from qmpeer.monitor.human.completion import columns_of, common_prefix
from qmpeer.monitor.human.history import History
from qmpeer.monitor.human.table import Completions

Completer: TypeAlias = Callable[[str], Completions]
_TEXT: Final = re.compile(rb"[\x20-\x7e]+")
_BLANKS: Final = BLANKS.encode()
_REDRAWN: Final = 80
"""The most bytes behind the cursor that are written again rather than moved by the terminal."""


class _Escape(enum.Enum):
    NONE = enum.auto()
    ESC = enum.auto()
    CSI = enum.auto()
    SS3 = enum.auto()


class LineEditor:
    """An editor of single lines.

    Args:
        prompt: The prompt before each line.
        history: The earlier lines; finished lines are added.
        complete: Returns the completions of the text up to the cursor.
    """

    __slots__ = (
        "_complete",
        "_cursor",
        "_entry",
        "_escape",
        "_history",
        "_incomplete",
        "_line",
        "_output",
        "_parameter",
        "_prompt",
        "_same",
        "_shown",
        "_shown_cursor",
    )

    def __init__(self, prompt: bytes, history: History, complete: Completer) -> None:
        self._prompt = prompt
        self._history = history
        self._complete = complete
        self._line = bytearray()
        self._cursor = 0
        self._entry: int | None = None
        self._escape = _Escape.NONE
        self._parameter = 0
        self._incomplete = b""  # the first bytes of a character
        self._output: list[bytes] = []
        self._shown = b""
        self._shown_cursor = 0
        self._same = 0

    def restart(self) -> None:
        """Begin a new line: show the prompt."""
        self._line.clear()
        self._cursor = 0
        self._incomplete = b""
        self._show_prompt()

    def receive(self, data: bytes, position: int = 0) -> tuple[bytes | None, int]:
        """Take in keys, up to the end of a line or a TAB, which may cause much output.

        The prompt isn't shown after a line. Call `restart` when the line has been executed. After
        this call, send what data_to_send() returns.

        Returns:
            The line, or None if it isn't finished, and the position of the next key.
        """
        end = len(data)
        while position < end:
            if self._escape is _Escape.NONE:
                # Not a continuation byte: the character before stays incomplete.
                if self._incomplete and data[position] & 0xC0 != 0x80:
                    self._insert_incomplete()
                found = _TEXT.match(data, position)
                if found is not None:
                    self._insert(found[0])
                    position = found.end()
                    continue
                key = data[position]
                position += 1
                if key in (10, 13):
                    return self._finish(), position
                self._press(key)
                if key == 9:
                    break
            else:
                self._go_on_escape(data[position])
                position += 1
        self._show()
        return None, position

    def data_to_send(self) -> bytes:
        """Return the output to send now, b"" if there is none."""
        data = b"".join(self._output)
        self._output.clear()
        return data

    def _finish(self) -> bytes:
        self._show()
        line = bytes(self._line)
        if self._history.add(line):
            self._entry = None  # as in QEMU, it stays if the history didn't change
        self._output.append(b"\r\n")
        self._line.clear()
        self._cursor = 0
        self._forget_shown()
        return line

    # Keys

    def _press(self, key: int) -> None:
        if key >= 0x80:
            self._press_byte(key)
        elif key == 1:
            self._cursor = 0
        elif key == 5:
            self._cursor = len(self._line)
        elif key == 4:
            self._delete(self._cursor, _after(self._line, self._cursor))
        elif key in (8, 127):
            self._delete(_before(self._line, self._cursor), self._cursor)
        elif key == 9:
            self._press_tab()
        elif key == 12:
            self._output.append(b"\x1b[2J\x1b[1;1H")
            self._show_prompt()
        elif key == 23:
            self._delete(self._word_before(), self._cursor)
        elif key == 27:
            self._escape = _Escape.ESC

    def _press_byte(self, key: int) -> None:
        if not self._incomplete:
            if key == 0x9B:
                self._escape = _Escape.CSI  # as in QEMU, the last sequence's number isn't reset
            elif _size(key) == 1:
                self._insert(bytes((key,)))
            else:
                self._incomplete = bytes((key,))
            return
        self._incomplete += bytes((key,))
        if len(self._incomplete) == _size(self._incomplete[0]):
            self._insert_incomplete()

    def _insert_incomplete(self) -> None:
        if len(self._line) + len(self._incomplete) <= limits.HUMAN_LINE:
            self._insert(self._incomplete)
        self._incomplete = b""

    def _go_on_escape(self, key: int) -> None:
        state, self._escape = self._escape, _Escape.NONE
        if state is _Escape.ESC:
            self._parameter = 0
            if key == 0x5B:
                self._escape = _Escape.CSI
            elif key == 0x4F:
                self._escape = _Escape.SS3
        elif state is _Escape.SS3:
            if key == 0x48:
                self._cursor = 0
            elif key == 0x46:
                self._cursor = len(self._line)
        elif 0x30 <= key <= 0x39:
            self._parameter = (10 * self._parameter + key - 0x30) & 0xFFFF_FFFF
            self._escape = _Escape.CSI
        else:
            self._end_sequence(key)

    def _end_sequence(self, key: int) -> None:
        match chr(key):
            case "A" | "F":
                self._go_back_in_history()
            case "B" | "E":
                self._go_on_in_history()
            case "D":
                self._cursor = _before(self._line, self._cursor)
            case "C":
                self._cursor = _after(self._line, self._cursor)
            case "~" if self._parameter == 1:
                self._cursor = 0
            case "~" if self._parameter == 3:
                self._delete(self._cursor, _after(self._line, self._cursor))
            case "~" if self._parameter == 4:
                self._cursor = len(self._line)

    # Changes of the line

    def _insert(self, text: bytes) -> None:
        text = text[: limits.HUMAN_LINE - len(self._line)]
        if text:
            at = self._cursor
            self._line[at:at] = text
            self._cursor = at + len(text)
            self._same = min(self._same, at)

    def _delete(self, start: int, end: int) -> None:
        if start < end:
            del self._line[start:end]
            self._cursor = start
            self._same = min(self._same, start)

    def _replace(self, line: bytes) -> None:
        self._line[:] = line
        self._cursor = len(line)
        self._same = 0

    def _word_before(self) -> int:
        """Return the start of the word before the cursor; blanks between them count to the word."""
        line, start = self._line, self._cursor - 1
        while start > 0 and line[start] in _BLANKS:
            start -= 1
        while start > 0 and line[start] not in _BLANKS:
            start -= 1
        return start + 1 if start > 0 else 0

    def _go_back_in_history(self) -> None:
        entry = len(self._history) if self._entry is None else self._entry
        # Another terminal of this monitor may have shortened the history.
        entry = min(entry, len(self._history)) - 1
        if entry >= 0:
            self._entry = entry
            self._replace(self._history[entry])

    def _go_on_in_history(self) -> None:
        if self._entry is None:
            return
        self._entry += 1
        if self._entry < len(self._history):
            self._replace(self._history[self._entry])
        else:
            self._entry = None
            self._replace(b"")

    def _press_tab(self) -> None:
        typed, names = self._complete(to_text(bytes(self._line[: self._cursor])))
        if not names:
            return
        if len(names) == 1:
            (name,) = names
            # No blank behind a folder: its path may go on.
            more = name[typed:] if name.endswith("/") else name[typed:] + " "
            self._insert(more.encode("utf-8", "surrogateescape"))
            return
        self._show()
        more = common_prefix(names)[typed:]
        self._insert(more.encode("utf-8", "surrogateescape"))
        text = "".join(f"{row}\r\n" for row in columns_of(names))
        self._output += (b"\r\n", text.encode("utf-8", "surrogateescape"))
        self._show_prompt()

    # The terminal

    def _show_prompt(self) -> None:
        self._output.append(self._prompt)
        self._forget_shown()

    def _forget_shown(self) -> None:
        self._shown = b""
        self._shown_cursor = self._same = 0

    def _show(self) -> None:
        """Update the terminal."""
        at, line = self._same, self._line
        old = self._shown
        if at < len(line) or at < len(old):
            self._move(at)
            self._show_change(at, old[at:], bytes(line[at:]))
            self._shown = bytes(line)
            self._same = len(line)
        self._move(self._cursor)

    def _show_change(self, at: int, old: bytes, new: bytes) -> None:
        """Replace the end of the line on the terminal; the cursor is at its start."""
        if len(old) > _REDRAWN and new.endswith(old):
            inserted = new[: len(new) - len(old)]
            self._output += (_sequence(_width(inserted), b"@"), inserted)
            self._shown_cursor = at + len(inserted)
        elif len(new) > _REDRAWN and old.endswith(new):
            self._output.append(_sequence(_width(old[: len(old) - len(new)]), b"P"))
        else:
            self._output.append(new)
            if _width(new) < _width(old):
                self._output.append(b"\x1b[K")
            self._shown_cursor = at + len(new)
        self._shown = self._shown[:at] + new

    def _move(self, to: int) -> None:
        """Move the terminal's cursor before a byte of the shown line."""
        here = self._shown_cursor
        if to < here:
            self._output.append(_sequence(_width(self._shown[to:here]), b"D"))
        elif to > here:
            self._output.append(_sequence(_width(self._shown[here:to]), b"C"))
        self._shown_cursor = to


def _sequence(count: int, end: bytes) -> bytes:
    if count == 0:
        return b""
    return b"\x1b[" + end if count == 1 else b"\x1b[%d%s" % (count, end)


def _size(first: int) -> int:
    """Return the size in bytes of the character that begins with this byte."""
    if 0xC2 <= first <= 0xDF:
        return 2
    if 0xE0 <= first <= 0xEF:
        return 3
    return 4 if 0xF0 <= first <= 0xF4 else 1


def _before(line: bytearray, cursor: int) -> int:
    """Return the start of the character before the cursor."""
    start = cursor - 1
    while start > 0 and cursor - start < 4 and line[start] & 0xC0 == 0x80:
        start -= 1
    is_whole = start >= 0 and _size(line[start]) == cursor - start
    return start if is_whole else max(cursor - 1, 0)


def _after(line: bytearray, cursor: int) -> int:
    """Return the end of the character under the cursor."""
    if cursor >= len(line):
        return cursor
    end = cursor + _size(line[cursor])
    is_whole = end <= len(line) and all(byte & 0xC0 == 0x80 for byte in line[cursor + 1 : end])
    return end if is_whole else cursor + 1


def _width(text: bytes) -> int:
    """Return the number of columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    width = 0
    for char in text.decode("utf-8", "replace"):
        if not unicodedata.combining(char):
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width
