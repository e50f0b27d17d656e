"""A program at a terminal of its own, and what its screen shows: tmux, with nobody's settings."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from tests.patience import PATIENCE
from tests.tmux_changes import ScreenChanges

__all__ = ["Terminal"]


class Terminal:
    """Run one program at a terminal, of 100 columns unless it is told."""

    def __init__(self, tmux: str, folder: Path, argv: Sequence[str], columns: int = 100) -> None:
        self._tmux = [tmux, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._call("new-session", "-d", "-x", str(columns), "-y", "40", *argv)
        self._changes = ScreenChanges(self._tmux)

    def enter(self, text: str) -> None:
        """Type a line."""
        self._call("send-keys", "-l", text)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as ``C-a`` or ``Tab``."""
        self._call("send-keys", *keys)

    def screen(self) -> list[str]:
        """Return the lines of the screen, without blank ones at the end."""
        return self._text().split("\n")

    def until_last(self, line: str) -> list[str]:
        """Wait until the screen's last line is this one; return all of them."""
        return self._until(lambda lines: lines[-1] == line)

    def ask(self, prompt: str, text: str) -> list[str]:
        """Type a line at a prompt, and wait for the next prompt; return the screen's lines."""
        count = sum(line.startswith(prompt) for line in self.until_last(prompt))
        self.enter(text)
        # The prompt alone doesn't tell: before the line is echoed it is still the last one.
        return self._until(
            lambda lines: (
                lines[-1] == prompt and sum(line.startswith(prompt) for line in lines) > count
            )
        )

    def until_seen(self, text: str) -> list[str]:
        """Wait until a text stands somewhere on the screen; return its lines."""
        return self._until(lambda lines: text in "\n".join(lines))

    def _until(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        return self._changes.until(self._text, lambda text: is_so(text.split("\n"))).split("\n")

    def _text(self) -> str:
        return self._call("capture-pane", "-p").rstrip("\n")

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        subprocess.run(
            [*self._tmux, "kill-server"], check=False, capture_output=True, timeout=PATIENCE
        )
        self._changes.close()
