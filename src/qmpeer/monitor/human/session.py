"""A human monitor's side of one connection, without I/O.

It has the same methods as `qmpeer.protocol.ServerSession`, so `qmpeer.monitor.turns` serves both. A
line that was entered waits for its turn among the in-band commands of all monitors. Further keys
wait unread until it has been executed.

Spec: QEMU 7.2, measured: banner, prompt, one line at a time; events aren't shown.
"""

from collections.abc import Callable, Sequence
from typing import Any

from qmpeer import limits
from qmpeer.effects.human_words import BLANKS, to_text
from qmpeer.errors import QMPError
from qmpeer.messages import CommandMessage, Version
from qmpeer.monitor.human.commands import LINE
from qmpeer.monitor.human.editor import LineEditor
from qmpeer.monitor.human.history import History
from qmpeer.monitor.human.table import Completions
from qmpeer.values import JsonValue


def banner(version: Version) -> str:
    """Return QEMU's greeting line of a human monitor."""
    number = version.qemu
    release = f"{number.major}.{number.minor}.{number.micro}"
    return f"QEMU {release} monitor - type 'help' for more information\n"


def to_lines(text: str) -> str:
    """Return text for a terminal: each LF becomes CR LF."""
    return text.replace("\n", "\r\n")


class HumanSession:
    """A human monitor's session with one terminal.

    Args:
        greeting: The first text.
        prompt: The prompt before each line.
        history: The earlier lines.
        complete: Returns the completions of the text up to the cursor.
        is_focused: True if the terminal has the focus from the start.
        is_over: Returns True if no further line will be executed, as after QEMU's ``quit``. Then
            the prompt isn't shown either.

    Attributes:
        running: The line being executed.
        failure: The reason to disconnect: always None here.
        is_ready: True if events are sent: always False here.
        is_writing: True while a long reply is being written: always False here.
        output_size: The number of bytes that data_to_send() would return.
    """

    __slots__ = (
        "_editor",
        "_has_eof",
        "_input",
        "_is_closed",
        "_is_focused",
        "_is_over",
        "_is_output_paused",
        "_line",
        "_output",
        "_position",
        "_turn",
        "failure",
        "is_ready",
        "is_writing",
        "output_size",
        "running",
    )

    def __init__(
        self,
        greeting: str,
        prompt: str,
        history: History,
        complete: Callable[[str], Completions],
        *,
        is_focused: bool = True,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.running: CommandMessage | None = None
        self.failure: QMPError | None = None
        self.is_ready: bool = False
        self.is_writing: bool = False
        self.output_size: int = 0
        self._editor = LineEditor(prompt.encode(), history, complete)
        self._input = b""
        self._position = 0
        self._turn = limits.HUMAN_TURN
        self._line: bytes | None = None
        self._has_eof = False
        self._is_closed = False
        self._is_output_paused = False
        self._is_focused = is_focused
        self._is_over = is_over
        self._output: list[bytes] = []
        self._write_text(greeting)
        if is_focused:
            self._restart()

    # Input

    def receive_data(self, data: bytes) -> Sequence[Any]:
        """Take in keys; then call `admit`.

        Returns:
            An empty sequence: lines are logged, not keys.
        """
        self._input = self._input[self._position :] + data
        self._position = 0
        return ()

    def receive_eof(self) -> None:
        """Note the end of the input; lines that were entered are still executed."""
        self._has_eof = True

    @property
    def wants_data(self) -> bool:
        """True if no received key waits to be admitted."""
        return self._position == len(self._input)

    @property
    def held_size(self) -> int:
        """The number of bytes of waiting keys and of unsent output."""
        return len(self._input) - self._position + self.output_size

    @property
    def is_finished(self) -> bool:
        """True if the input has ended and all lines have been executed."""
        return self._has_eof and self.wants_data and self._line is None and self.running is None

    @property
    def is_answering(self) -> bool:
        """True if a line is being executed."""
        return self.running is not None

    def admit(self, is_free: bool = False) -> bool:
        """Take in keys up to the end of the next line.

        Args:
            is_free: Not used here.

        Returns:
            True if there is a line, to be taken in its turn. False if there is none, if the last
            one is still being executed, if much output is unsent, or if the turn is over.
        """
        if self._line is not None or self.running is not None or self._is_output_paused:
            return False
        end = len(self._input)
        while self._position < end and self._turn > 0 and self.output_size <= limits.READ_SIZE:
            self._line, self._position = self._editor.receive(self._input, self._position)
            self._write(self._editor.data_to_send())
            if self._line is not None:
                self._turn -= 1
                return True
            self._turn -= self._position < end  # a TAB, which costs as much as a line
        return False

    def begin_turn(self) -> bool:
        """Allow another turn's lines and TABs; return True if the last turn was cut off."""
        was_cut_off = self._turn == 0 and not self.wants_data and self.running is None
        if self._line is None:
            self._turn = limits.HUMAN_TURN
        return was_cut_off

    # Execution

    @property
    def can_take(self) -> bool:
        """True if a line waits, the last one has been executed, and there is room for output."""
        return (
            self._line is not None
            and self.running is None
            and not self._is_output_paused
            and self.output_size <= limits.UNSENT_OUTPUT
            and not self._is_closed
        )

    def take(self) -> CommandMessage | None:
        """Take the line.

        Returns:
            A command to execute and to `respond` to, with the line as its argument and the line's
            first word as its name. None if the line is blank.
        """
        assert self._line is not None
        line = to_text(self._line)
        self._line = None
        word = line.strip(BLANKS).partition(" ")[0]
        if not word:
            self._restart()
            return None
        self.running = CommandMessage(word, {LINE: line})
        return self.running

    def respond(self, command: CommandMessage, value: JsonValue) -> None:
        """Print a line's output, then the prompt."""
        assert isinstance(value, str)
        self.running = None
        if not self._is_closed:
            self._write_text(value)
            self._restart()

    def respond_error(self, command: CommandMessage, error_class: str, desc: str) -> None:
        """Print an error as QEMU prints that of a QMP command, then the prompt."""
        self.respond(command, f"Error: {desc}\n")

    # Output

    def focus(self, is_focused: bool) -> None:
        """Note that the session gets or loses the terminal's focus, as on a mux.

        Spec: QEMU 7.2, measured: losing the focus ends the line, getting it begins a new one.
        """
        if is_focused is self._is_focused:
            return
        self._is_focused = is_focused
        if not is_focused:
            self._write(b"" if self.running else b"\r\n")
        elif self.running is None and self._line is None:
            self._restart()

    def send_event(self, line: bytes) -> None:
        """Do nothing: a human monitor shows no events."""

    def data_to_send(self) -> bytes:
        """Return the output to send now, b"" if there is none."""
        if not self._output:
            return b""
        data = b"".join(self._output)
        self._output.clear()
        self.output_size = 0
        return data

    def pause_output(self) -> None:
        """Note that more than ``limits.UNSENT_OUTPUT`` bytes are unsent."""
        self._is_output_paused = True

    def resume_output(self) -> None:
        """Note that few bytes are unsent; then call `admit` again."""
        self._is_output_paused = False

    def close(self) -> None:
        """Drop the lines that weren't executed, and the output of one that is running."""
        self._is_closed = True
        self._input, self._position, self._line = b"", 0, None
        self._output.clear()

    def _restart(self) -> None:
        if self._is_focused and not self._is_over():
            self._editor.restart()
            self._write(self._editor.data_to_send())

    def _write_text(self, text: str) -> None:
        self._write(to_lines(text).encode("utf-8", "surrogateescape"))

    def _write(self, data: bytes) -> None:
        if data:
            self._output.append(data)
            self.output_size += len(data)
