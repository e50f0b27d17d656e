"""Waiting for what a screen in tmux shows: tmux tells a control client of every output."""

import os
import select
import subprocess
from collections.abc import Callable, Sequence

from tests.patience import PATIENCE

__all__ = ["ScreenChanges"]


class ScreenChanges:
    """A control client of a tmux server, which learns when there is output to look at.

    Args:
        tmux: The command line of tmux, up to its own options.
        environment: The environment of the control client.
    """

    def __init__(self, tmux: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*tmux, "-C", "attach-session", "-f", "read-only,ignore-size"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._wait([])  # until it is attached: it learns of all that comes from now on

    def until(self, screen: Callable[[], str], is_so: Callable[[str], bool]) -> str:
        """Look at the screen whenever it has changed, until it is as wanted; return it."""
        while not is_so(shown := screen()):
            self._wait(shown)
        return shown

    def close(self) -> None:
        """End the control client."""
        self._process.communicate(timeout=PATIENCE)

    def _wait(self, shown: object) -> None:
        assert select.select([self._output], [], [], PATIENCE)[0], shown
        assert os.read(self._output, 1 << 20), f"tmux has ended; the screen was {shown}"
