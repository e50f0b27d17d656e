"""A human monitor's side of one connection, without I/O.

It has the face of `qmpeer.protocol.ServerSession`, so that the same turns serve both: a line that
was entered waits for its turn among the in-band commands of all monitors, and further keys wait
unread until it was executed.

Spec: QEMU 7.2, measured: banner, prompt, one line at a time; events aren't shown.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.messages import CommandMessage, Version
from qmpeer.monitor.human.commands import LINE
from qmpeer.monitor.human.editor import LineEditor
from qmpeer.monitor.human.history import History
from qmpeer.monitor.human.table import Completions
from qmpeer.monitor.human.words import BLANKS, to_text
from qmpeer.values import JsonValue

PROMPT: Final = "(qemu) "


def banner(version: Version) -> str:
    """Return the line that a human monitor begins with, in QEMU's words."""
    number = version.qemu
    release = f"{number.major}.{number.minor}.{number.micro}"
    return f"QEMU {release} monitor - type 'help' for more information\n"


def to_lines(text: str) -> str:
    """Return text as a terminal wants it: each LF as CR LF."""
    return text.replace("\n", "\r\n")


class HumanSession:
    """Speak as a human monitor with one terminal.

    Args:
        greeting: What it begins with.
        prompt: What stands before a line.
        history: The lines so far.
        complete: Says how the text up to the cursor can go on.
        is_focused: The terminal is ours from the start.
        is_over: Tells whether no further line will be executed, as after QEMU's ``quit``: then
            there is no prompt either.

    Attributes:
        running: The line being executed.
        failure: Why the connection must be cut: never here.
        is_ready: Events are sent: never here.
        is_writing: A long answer is being written: never here.
        output_size: Bytes that data_to_send() would return.
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

    # What comes in

    def receive_data(self, data: bytes) -> Sequence[Any]:
        """Take in keys; then `admit` what came of them.

        Returns:
            Nothing: lines are logged, not keys.
        """
        self._input = self._input[self._position :] + data
        self._position = 0
        return ()

    def receive_eof(self) -> None:
        """Take in that there are no more keys; what was entered is executed still."""
        self._has_eof = True

    @property
    def wants_data(self) -> bool:
        """There is nothing left that waits to be admitted."""
        return self._position == len(self._input)

    @property
    def held_size(self) -> int:
        """Bytes of keys that wait, and of output that is unsent."""
        return len(self._input) - self._position + self.output_size

    @property
    def is_finished(self) -> bool:
        """There are no more keys, and all that was entered is executed."""
        return self._has_eof and self.wants_data and self._line is None and self.running is None

    @property
    def is_answering(self) -> bool:
        """A line is being executed."""
        return self.running is not None

    def admit(self, is_free: bool = False) -> bool:
        """Take in keys up to the end of the next line.

        Args:
            is_free: It makes no difference here.

        Returns:
            True when there is a line, to be taken in its turn. False when there isn't, or the last
            one is still being executed, or much output waits to be sent, or its turn is over.
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
        """Admit as many lines and TABs as one turn has; tell whether the last turn was cut off."""
        was_cut_off = self._turn == 0 and not self.wants_data and self.running is None
        if self._line is None:
            self._turn = limits.HUMAN_TURN
        return was_cut_off

    # Execution

    @property
    def can_take(self) -> bool:
        """A line waits, the last one is executed, and what it prints would find room."""
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
            A command to execute and to `respond` to; its argument is the line, its name the line's
            first word. None where there is nothing to execute.
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
        """Print what a line gave, then the prompt."""
        assert isinstance(value, str)
        self.running = None
        if not self._is_closed:
            self._write_text(value)
            self._restart()

    def respond_error(self, command: CommandMessage, error_class: str, desc: str) -> None:
        """Print an error as QEMU prints that of a QMP command, then the prompt."""
        self.respond(command, f"Error: {desc}\n")

    # What goes out

    def focus(self, is_focused: bool) -> None:
        """Take note that the terminal is ours, or another's, as with a mux.

        Spec: QEMU 7.2, measured: to leave ends the line, to come back begins a new one.
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
        """Return what is to be sent now, b"" if nothing is."""
        if not self._output:
            return b""
        data = b"".join(self._output)
        self._output.clear()
        self.output_size = 0
        return data

    def pause_output(self) -> None:
        """Take note that more than ``limits.UNSENT_OUTPUT`` bytes are unsent."""
        self._is_output_paused = True

    def resume_output(self) -> None:
        """Take note that few bytes are unsent; then `admit` again."""
        self._is_output_paused = False

    def close(self) -> None:
        """Forget what wasn't executed; what still runs prints nothing."""
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
