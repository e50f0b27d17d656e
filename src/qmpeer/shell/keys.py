"""Key bindings for Enter, Tab, Escape and pastes of any length."""

from collections.abc import Callable
from typing import Final

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_completions, has_focus, is_searching
from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys

from qmpeer import limits

_END: Final = "\x1b[201~"
"""The escape sequence by which a terminal ends a paste."""


def key_bindings(
    is_complete: Callable[[str], bool],
    keep_paste: Callable[[str], str],
    tab: Callable[[Buffer], None],
) -> KeyBindings:
    """Return the key bindings that differ from prompt_toolkit's.

    Args:
        is_complete: Returns whether Enter executes a text; otherwise Enter begins a new line.
        keep_paste: Stores a long paste, and returns a placeholder for the line.
        tab: Completes the text of a buffer.
    """
    bindings = KeyBindings()
    is_in_line = has_focus(DEFAULT_BUFFER) & ~is_searching

    @bindings.add(Keys.Enter, filter=is_in_line)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None  # the chosen text is already in the line
        elif is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline()

    @bindings.add(Keys.Tab, filter=is_in_line)
    def _(event: KeyPressEvent) -> None:
        tab(event.current_buffer)

    # Eager: without it, prompt_toolkit waits for a second key, such as f of Escape and f.
    @bindings.add(Keys.Escape, filter=has_completions, eager=True)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @bindings.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        data = event.data.replace("\r\n", "\n").replace("\r", "\n")
        if len(data) > limits.SHELL_PASTE:
            data = keep_paste(data)
        event.current_buffer.insert_text(data)

    return bindings


class _Parser(Vt100Parser):
    """A parser that searches only new data for the end of a paste.

    Its base class searches the whole paste at each call, which takes quadratic time.
    """

    def feed(self, data: str) -> None:
        if not self._in_bracketed_paste:
            self._pieces: list[str] = []
            super().feed(data)
            return
        self._pieces.append(data)
        # The end may be split between two pieces, so the pieces before are searched as well.
        if _END not in "".join(self._pieces[-2 * len(_END) :])[-len(data) - len(_END) :]:
            return
        content, _, rest = "".join(self._pieces).partition(_END)
        self._pieces = []
        self._in_bracketed_paste = False
        self._paste_buffer = ""
        self.feed_key_callback(KeyPress(Keys.BracketedPaste, content))
        self.feed(rest)


def take_long_pastes(input: Input) -> None:
    """Make an input read long pastes in linear time."""
    parser = getattr(input, "vt100_parser", None)
    if isinstance(parser, Vt100Parser) and hasattr(parser, "_in_bracketed_paste"):
        input.vt100_parser = _Parser(parser.feed_key_callback)  # type: ignore[attr-defined]  # a Vt100Input
