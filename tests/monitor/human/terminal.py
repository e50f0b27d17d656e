"""A terminal at a human monitor, in memory: keys in, the resulting screen out."""

import pyte

from qmpeer.monitor import Monitor
from qmpeer.monitor.human import HumanSession, HumanState
from qmpeer.monitor.human.commands import LINE

__all__ = ["PROMPT", "Screen", "Terminal"]

PROMPT = "(qemu) "
COLUMNS = 250
"""Wide enough for every line: QEMU's editor knows of no other terminal."""


class Screen:
    """The screen of a terminal that shows a monitor's output."""

    def __init__(self, columns: int = COLUMNS, rows: int = 70) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        """Process the monitor's output."""
        self._stream.feed(data)

    @property
    def rows(self) -> list[str]:
        """The text of all rows up to the cursor's."""
        screen = self._screen
        shown = (screen.buffer[y] for y in range(screen.cursor.y + 1))
        return [
            "".join(row[x].data for x in range(max(row, default=-1) + 1)).rstrip() for row in shown
        ]

    @property
    def cursor(self) -> int:
        """The cursor's column."""
        column = self._screen.cursor.x
        assert isinstance(column, int)
        return column


class Terminal:
    """A terminal at a human monitor; only sync commands are executed."""

    is_interactive = True

    def __init__(self, monitor: Monitor, state: HumanState | None = None) -> None:
        self.state = state or HumanState()
        self._commands = monitor.human
        self.session = HumanSession("banner\n", PROMPT, self.state.history, self._commands.complete)
        self.screen = Screen()
        self.written = b""
        self._show()

    def press(self, keys: bytes) -> bytes:
        """Press keys that come together; return the output that they cause."""
        self.session.receive_data(keys)
        while not self.session.wants_data:
            if self.session.admit():
                command = self.session.take()
                if command is not None:
                    assert command.arguments is not None
                    line = command.arguments[LINE]
                    assert isinstance(line, str)
                    printed = self._commands.run(line, self)  # type: ignore[arg-type]  # all it asks
                    assert isinstance(printed, str)
                    self.session.respond(command, printed)
            self.session.begin_turn()
        return self._show()

    def _show(self) -> bytes:
        self.written = self.session.data_to_send()
        self.screen.feed(self.written)
        return self.written
