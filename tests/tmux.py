"""Programs at terminals of their own, with their screens: tmux without personal settings."""

import os
import select
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE

__all__ = ["Terminal"]


class ScreenChanges:
    """A control client of a tmux server, which gets a notice of every output.

    Args:
        tmux: The command line of tmux, up to its own options.
    """

    def __init__(self, tmux: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [*tmux, "-C", "attach-session", "-f", "read-only,ignore-size"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._wait([])  # until it is attached: from now on it gets a notice of every output

    def until(self, screen: Callable[[], str], is_so: Callable[[str], bool]) -> str:
        """Read the screen after each change until a condition is true; return it."""
        while not is_so(shown := screen()):
            self._wait(shown)
        return shown

    def close(self) -> None:
        """End the control client."""
        self._process.communicate(timeout=PATIENCE)

    def _wait(self, shown: object) -> None:
        assert select.select([self._output], [], [], PATIENCE)[0], shown
        assert os.read(self._output, 1 << 20), f"tmux has ended; the screen was {shown}"


class Terminal:
    """One program at a terminal, on a tmux server of its own.

    Args:
        tmux: The program.
        folder: The folder of the tmux server's socket.
        argv: The command line; a single word is run by the shell.
        columns: The width of the screen.
        rows: Its height.
    """

    def __init__(
        self, tmux: str, folder: Path, argv: Sequence[str], columns: int = 100, rows: int = 40
    ) -> None:
        self._tmux = [tmux, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._call("new-session", "-d", "-x", str(columns), "-y", str(rows), *argv)
        self._changes = ScreenChanges(self._tmux)

    def enter(self, text: str) -> None:
        """Type a line."""
        self.write(text)
        self.press("Enter")

    def write(self, text: str) -> None:
        """Type a text."""
        self._call("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as ``C-a`` or ``Tab``."""
        self._call("send-keys", *keys)

    def text(self) -> str:
        """Return the whole screen, without blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self._call("capture-pane", "-p").splitlines())

    def until(self, is_so: Callable[[str], bool]) -> str:
        """Wait until a condition is true for the whole screen; return it."""
        return self._changes.until(self.text, is_so)

    def until_last(self, line: str) -> list[str]:
        """Wait until the screen's last line is this one; return all of them."""
        return self._until(lambda lines: lines[-1] == line)

    def ask(self, prompt: str, text: str) -> list[str]:
        """Type a line at a prompt, and wait for the next prompt; return the screen's lines."""
        count = sum(line.startswith(prompt) for line in self.until_last(prompt))
        self.enter(text)
        # The prompt alone proves nothing: until the line is echoed, the last line is the old one.
        return self._until(
            lambda lines: (
                lines[-1] == prompt and sum(line.startswith(prompt) for line in lines) > count
            )
        )

    def until_seen(self, text: str) -> list[str]:
        """Wait until a text is on the screen; return the screen's lines."""
        return self._until(lambda lines: text in "\n".join(lines))

    def _until(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        return _lines(self.until(lambda text: is_so(_lines(text))))

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def __enter__(self) -> Self:
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


def _lines(text: str) -> list[str]:
    """Split a screen, without blank lines at its end."""
    return text.rstrip("\n").split("\n")
