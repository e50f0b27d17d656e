"""Pastes of any length: prompt_toolkit's parser looks through all that came with each piece."""

from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

__all__ = ["take_long_pastes"]

_END = "\x1b[201~"


class _Parser(Vt100Parser):
    """Look for the end of a paste in what is new."""

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
