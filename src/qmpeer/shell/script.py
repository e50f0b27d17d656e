"""Scripts: statements from the command line, files or standard input; replies as JSON lines."""

import asyncio
import contextlib
import io
import re
import select
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO, Final, TextIO

import msgspec

from qmpeer import limits
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.errors import QMPError
from qmpeer.messages import Event, event_message
from qmpeer.shell.builtins import BUILTINS, ShellExit, split
from qmpeer.shell.error_reports import error_report
from qmpeer.shell.execution import LineExecutor
from qmpeer.shell.files import read_text
from qmpeer.shell.input_errors import InputError, SourceError
from qmpeer.shell.outcomes import Outcome, outcome_of
from qmpeer.shell.session import Session
from qmpeer.shell.words import BYTE_ORDER_MARK, Form
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line

_WIDTH: Final = 100
_PIECE: Final = 64 * 1024
_STRINGS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"?' + r"|'[^'\\]*+(?:\\.[^'\\]*+)*'?")
"""Strings within brackets. All of them are closed, or the statement would have an error."""


class ScriptScreen:
    """A screen that writes replies as lines of JSON to one stream, and messages to another.

    Args:
        output: The stream for replies.
        errors: The stream for messages; None drops them.

    Attributes:
        palette: No colours.
    """

    def __init__(self, output: BinaryIO, errors: TextIO | None) -> None:
        self.palette: Palette = PLAIN
        self._output = output
        self._errors = errors
        self._omitted = 0

    @property
    def width(self) -> int:
        """Columns of a line."""
        return _WIDTH

    async def show_value(self, value: JsonValue, command: str, seconds: float) -> None:
        """Write a reply."""
        self._write(value)

    async def show_text(self, text: str) -> None:
        """Write a text to standard output without changes."""
        self._output.write(text.encode(errors="backslashreplace") + b"\n")
        self._output.flush()

    async def show_human(self, text: str) -> None:
        """Write the output of the human monitor as a JSON string."""
        self._write(text)

    def show_event(self, event: Event) -> None:
        """Write an event as on the wire."""
        self._write(event_message(event.name, event.data or None, event.timestamp))

    def add_omitted(self, count: int) -> None:
        """Add to the count of events that came too fast."""
        self._omitted += count

    def note(self, text: str) -> None:
        """Write a line to standard error."""
        if self._errors is not None:
            with contextlib.suppress(OSError):
                print(f"qmp-shell: {text}", file=self._errors, flush=True)

    def show_progress(self, text: str) -> None:
        """Show nothing."""

    def complain(self, place: str, text: str, error: Exception, start: int = 0) -> None:
        """Write an error with its place, and a mark in the line with the error.

        Args:
            place: The script and line of the statement.
            text: The statement.
            error: The error.
            start: Offset of the statement in its script; an InputError's offsets refer to that.
        """
        message, *lines = error_report(text, error, _WIDTH - 4, start)
        self.note(f"{place}: {message}")
        if lines and self._errors is not None:
            with contextlib.suppress(OSError):
                print("\n".join(f"    {e}" for e in lines), file=self._errors, flush=True)

    def finish(self) -> None:
        """Write the number of events that were left out, if any."""
        if self._omitted:
            self.note(f"{self._omitted} events were not shown")

    def _write(self, value: JsonValue) -> None:
        self._output.write(encode_line(value).replace(b"\r\n", b"\n"))
        self._output.flush()


class Piece(msgspec.Struct, frozen=True):
    """A part of a script, with its origin.

    Attributes:
        text: The statements.
        name: The name of the script, for messages.
        line: The number of the first line; 0 for statements from the command line.
    """

    text: str
    name: str
    line: int = 0


async def run_script(
    session: Session,
    screen: ScriptScreen,
    pieces: AsyncIterator[Piece],
    *,
    keep_going: bool = False,
    is_human: bool = False,
) -> Outcome:
    """Execute statements up to the first that fails, and return the outcome.

    Args:
        session: The session, connected.
        screen: Its screen.
        pieces: The statements.
        keep_going: Continue after a failure; the outcome is still that of the first failure.
        is_human: True if they are lines for the human monitor.
    """
    executor = LineExecutor(session)
    outcome = Outcome.DONE
    try:
        async for piece in pieces:
            line, counted = piece.line, 0
            for start, end, run in _runnable_statements(executor, piece.text, is_human):
                try:
                    await run()
                except ShellExit:
                    return outcome
                except BrokenPipeError:  # nobody reads our output: not the statement's error
                    raise
                except (InputError, QMPError, OSError, SourceError) as error:
                    line += piece.text.count("\n", counted, start)
                    counted = start
                    place = f"{piece.name}:{line}" if piece.line else piece.name
                    screen.complain(place, piece.text[start:end], error, start)
                    if outcome is Outcome.DONE:
                        outcome = outcome_of(error)
                    if not keep_going or not session.connection.is_connected:
                        return outcome
    finally:
        screen.finish()
    return outcome


def _runnable_statements(
    executor: LineExecutor, text: str, is_human: bool
) -> Iterator[tuple[int, int, Callable[[], Awaitable[None]]]]:
    """Yield for each statement the offset of its first line, its end, and a function to run it."""
    if not is_human:
        for statement in split(text):
            begin = text.rfind("\n", 0, statement.start) + 1
            yield begin, statement.end, partial(executor.execute, statement)
        return
    at = 0
    for line in text.split("\n"):
        if line.strip():
            yield at, at + len(line), partial(executor.session.human, line.strip())
        at += len(line) + 1


async def word_pieces(commands: Iterable[str]) -> AsyncIterator[Piece]:
    """Yield the statements of a command line."""
    for number, command in enumerate(commands, 1):
        yield Piece(command, f"command {number}")


async def file_pieces(path: str) -> AsyncIterator[Piece]:
    """Yield the text of a file.

    Raises:
        OSError: If it can't be read.
    """
    text = await asyncio.to_thread(read_text, path)
    yield Piece(text.removeprefix(BYTE_ORDER_MARK), path, 1)


def _lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a stream, reading below its buffer.

    A thread that waits in a buffered read holds the buffer's lock. The interpreter would abort at
    exit when it can't get this lock.
    """
    raw = getattr(stream, "raw", None)
    if not isinstance(raw, io.RawIOBase):
        yield from stream
        return
    begun: list[bytes] = []
    while (data := raw.read(_PIECE)) != b"":
        if data is None:  # the descriptor is non-blocking
            select.select([raw], [], [])
            continue
        for line in data.splitlines(keepends=True):
            begun.append(line)
            if line.endswith(b"\n"):
                yield b"".join(begun)
                begun = []
    yield b"".join(begun)


async def stream_pieces(stream: BinaryIO) -> AsyncIterator[Piece]:
    """Yield statements as soon as a stream has sent their last line."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(1000)  # lines that are read ahead of execution

    def read() -> None:  # in a daemon thread: the read may never return
        for line in _lines_of(stream):
            room.acquire()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(lines.put_nowait, line)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lines.put_nowait, b"")

    threading.Thread(target=read, daemon=True).start()
    gathered: list[str] = []
    number, first, size, before = 0, 1, 0, ""
    while line := await lines.get():
        room.release()
        text = line.decode(errors="replace")
        if number == 0:
            text = text.removeprefix(BYTE_ORDER_MARK)
        number += 1
        gathered.append(text)
        size += len(text)
        prefix = _equivalent_prefix(before + text)
        if prefix is not None and size <= limits.SHELL_STATEMENT:
            before = prefix
            continue
        yield Piece("".join(gathered), "stdin", first)
        gathered, first, size, before = [], number + 1, 0, ""
    if gathered:
        yield Piece("".join(gathered), "stdin", first)


def _equivalent_prefix(text: str) -> str | None:
    """Return a short text that leaves the scanner in the same state as an unfinished text.

    The next line is scanned behind this text, so that a long statement isn't scanned again for each
    of its lines. None if the last statement has ended.
    """
    # The x stands for the first word of the next line: is it in the last statement?
    last = next(reversed(split(f"{text}x")), None)
    if last is None or last.start == len(text):
        return "" if text.endswith("\\\n") else None  # a continuation, even in a comment
    begin = "transaction( x" if last.breaks else "x"
    value = last.words[-1].value
    if not value.is_closed:
        brackets = _STRINGS.sub("", value.text)
        depth = sum(map(brackets.count, "{[")) - sum(map(brackets.count, "}]"))
        return f"{begin} x={'[' * depth}"
    if last.breaks:
        return begin + ("\n" if len(last.words) - 1 in last.breaks else " ")
    first = last.words[0]
    word = BUILTINS.get(first.value.text) if first.name is None else None
    return f"{word.name} " if word is not None and word.form is Form.PATTERN else "x "
