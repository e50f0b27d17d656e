"""Keys: what Enter, Tab, Escape and a paste do, of any length."""

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


def key_bindings(
    is_complete: Callable[[str], bool],
    keep_paste: Callable[[str], str],
    tab: Callable[[Buffer], None],
) -> KeyBindings:
    """Return what the keys do that aren't prompt_toolkit's own.

    Args:
        is_complete: Returns whether Enter executes a text, or begins a new line in it.
        keep_paste: Keeps a long paste aside, and returns what stands for it in the line.
        tab: Completes.
    """
    bindings = KeyBindings()
    is_in_line = has_focus(DEFAULT_BUFFER) & ~is_searching

    @bindings.add(Keys.Enter, filter=is_in_line)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None  # what is chosen stands in the line
        elif is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline()

    @bindings.add(Keys.Tab, filter=is_in_line)
    def _(event: KeyPressEvent) -> None:
        tab(event.current_buffer)

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
    """A parser that looks for the end of a paste in what is new; its base looks through all."""

    def feed(self, data: str) -> None:
        if not self._in_bracketed_paste:
            self._pieces: list[str] = []
            super().feed(data)
            return
        self._pieces.append(data)
        if _END not in "".join(self._pieces[-2 * len(_END) :])[-len(data) - len(_END) :]:
            return
        content, _, rest = "".join(self._pieces).partition(_END)
        self._pieces = []
        self._in_bracketed_paste = False
        self._paste_buffer = ""
        self.feed_key_callback(KeyPress(Keys.BracketedPaste, content))
        self.feed(rest)


def take_long_pastes(input: Input) -> None:
    """Make an input take long pastes in a time that grows with their length, not its square."""
    parser = getattr(input, "vt100_parser", None)
    if isinstance(parser, Vt100Parser) and hasattr(parser, "_in_bracketed_paste"):
        input.vt100_parser = _Parser(parser.feed_key_callback)  # type: ignore[attr-defined]  # a Vt100Input
