"""Output on a terminal, above the prompt while there is one."""

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence

from prompt_toolkit.application import get_app_or_none, in_terminal
from prompt_toolkit.output import Output

from qmpeer import display, limits
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import columns, cut, for_encoding, visible, visible_lines, wrapped
from qmpeer.messages import Event
from qmpeer.shell.event_lines import EventRateLimit, event_line
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.settings import Settings
from qmpeer.shell.terminal_modes import terminal_lent
from qmpeer.values import JsonValue
from qmpeer.wire import encode_line

_GATHER = 0.05
"""Seconds for which lines above the prompt are gathered, since each output redraws the prompt."""


class TerminalScreen:
    """A screen on a terminal, through prompt_toolkit's output.

    Args:
        output: The output.
        settings: The session's settings.
        palette: The colours.
        has_pager: True if long texts may use the pager.

    Attributes:
        palette: The colours.
    """

    def __init__(
        self,
        output: Output,
        settings: Settings,
        palette: Palette = PLAIN,
        *,
        has_pager: bool = False,
    ) -> None:
        self.palette: Palette = palette
        self._output = output
        self._settings = settings
        self._has_pager = has_pager
        self._pending: list[str] = []
        self._flushing: asyncio.Task[None] | None = None
        self._rate_limit = EventRateLimit()
        self._is_progress_shown = False
        self._is_paged = False

    @property
    def width(self) -> int:
        """The columns of the terminal, at least 10."""
        return max(self._output.get_size().columns, 10)

    # --- What a session shows -------------------------------------------------------------------

    async def show_value(self, value: JsonValue, command: str, seconds: float) -> None:
        """Show a reply in the form that the settings select."""
        await self._show(self._formatted(value, command))
        if self._settings.timing:
            self.note(f"{seconds * 1000:.1f} ms")

    def _formatted(self, value: JsonValue, command: str) -> str:
        form = self._settings.output
        if form == "raw":
            return encode_line(value).decode("ascii").rstrip()
        if form in ("auto", "table") and isinstance(value, list) and display.is_tabular(value):
            rows = [row for row in value if isinstance(row, dict)]
            text, says_enough = display.table_text(rows, self.width, self.palette, command)
            if says_enough or form == "table":
                return text
        return "\n".join(display.json_lines(value, self.width, self.palette))

    async def show_text(self, text: str) -> None:
        """Show a text, wrapped at the terminal's width."""
        lines = (part for line in text.split("\n") for part in wrapped(line, self.width))
        await self._show("\n".join(lines))

    async def _show(self, text: str) -> None:
        """Show lines, in the pager if they don't fit on the screen."""
        is_long = text.count("\n") >= self._output.get_size().rows - 1
        if is_long and self._has_pager and self._settings.pager:
            self._flush_now()
            self._is_paged = True
            try:
                with terminal_lent():
                    await asyncio.to_thread(_page, text + "\n")
            finally:
                self._is_paged = False
            self._flush_now()
        else:
            self.write(text)

    async def show_human(self, text: str) -> None:
        """Show the output of the human monitor."""
        if text:
            await self._show(visible_lines(text).rstrip("\n"))

    def show_event(self, event: Event) -> None:
        """Show an event, unless events come too fast."""
        if self._rate_limit.take(time.monotonic()):
            self.write(event_line(event, self.palette))
        else:
            self._flush_soon()

    def add_omitted(self, count: int) -> None:
        """Add to the count of events that came too fast."""
        self._rate_limit.omitted += count
        self._flush_soon()

    def note(self, text: str) -> None:
        """Show a message of the shell, wrapped at the terminal's width."""
        self._write_styled("note", text)

    def show_progress(self, text: str) -> None:
        """Show progress on the line of the last progress text; "" ends the line."""
        if not text and not self._is_progress_shown:
            return
        self._is_progress_shown = bool(text)
        self._raw("\r" + cut(visible(text), self.width - 1) + "\x1b[K" if text else "\n")

    # --- Errors ---------------------------------------------------------------------------------

    def error(self, text: str) -> None:
        """Show an error message."""
        self._write_styled("error", text)

    def _write_styled(self, style: str, text: str) -> None:
        self.write("\n".join(self._painted(style, text)))

    def _painted(self, style: str, text: str) -> list[str]:
        """Return a coloured sentence, wrapped at the terminal's width."""
        return [self.palette.paint(style, line) for line in _filled(text, self.width)]

    def input_error(self, lines: Sequence[str], input_error: InputError) -> None:
        """Show the mark of an error in a typed text, its reason and its hint.

        Args:
            lines: The line with the mark, preceded by the line with the error unless it is visible.
            input_error: The error.
        """
        *lines, mark = lines
        shown = self.palette.paint("error", mark)
        hint = self._painted("hint", input_error.hint) if input_error.hint else ()
        self.write("\n".join([*lines, shown, *self._painted("error", input_error.reason), *hint]))

    # --- Writing --------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Write lines at once, or soon above the prompt while there is one."""
        self._pending.append(text)
        if self._is_prompting() or self._is_paged:
            self._flush_soon()
        else:
            self._flush_now()

    def _is_prompting(self) -> bool:
        application = get_app_or_none()
        return application is not None and application.is_running

    def _flush_soon(self) -> None:
        if self._flushing is None or self._flushing.done():
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._flushing = asyncio.ensure_future(self._flush_later())

    async def _flush_later(self) -> None:
        due = time.monotonic() + limits.SHELL_EVENT_PERIOD
        while self._pending or self._rate_limit.omitted:
            await asyncio.sleep(_GATHER)
            if self._is_paged:
                continue
            if time.monotonic() >= due:  # on a slow terminal the loop may never end
                due = time.monotonic() + limits.SHELL_EVENT_PERIOD
                self._report_omitted()
            if self._pending:
                await self._above_the_prompt()

    def _report_omitted(self) -> None:
        count = self._rate_limit.take_omitted()
        if count:
            text = f"… {count} more events were not shown ('events REGEX' selects some)"
            self._pending.append(self.palette.paint("note", text))

    async def _above_the_prompt(self) -> None:
        if not self._is_prompting():
            self._flush_now()
            return
        async with in_terminal():
            self._flush_now()

    def _flush_now(self) -> None:
        if self._pending and not self._is_paged:
            pending, self._pending = self._pending, []
            if self._is_progress_shown:  # erase it; the next progress text draws it again
                self._raw("\r\x1b[K")
            self._raw("\n".join(pending) + "\n")

    def _raw(self, text: str) -> None:
        self._output.write_raw(for_encoding(text, self._output.encoding()))
        self._output.flush()

    async def close(self) -> None:
        """Write pending lines."""
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
        self._report_omitted()
        self._flush_now()


def _filled(text: str, width: int) -> list[str]:
    """Break a sentence into lines at blanks."""
    lines: list[str] = []
    for word in visible(text).split(" "):
        if lines and columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _page(text: str) -> None:
    """Show a text in the pager, or print it if there is no pager."""
    words = shlex.split(os.environ.get("PAGER") or "less")
    if not words or shutil.which(words[0]) is None:
        print(text, end="")
        return
    environment = {"LESS": "FRX", **os.environ}
    with contextlib.suppress(OSError):
        subprocess.run(words, input=text, text=True, env=environment, check=False)
