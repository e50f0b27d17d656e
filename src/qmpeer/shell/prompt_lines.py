"""The lines of a prompt: their completion, colouring and execution.

This module imports everything that reads lines. The prompt is shown first, and then imports it.
"""

import asyncio

from qmpeer import limits
from qmpeer.display.safe_text import columns, visible
from qmpeer.errors import QMPError
from qmpeer.shell.argument_completion import CompletionResult
from qmpeer.shell.builtins import ShellExit, split
from qmpeer.shell.completion import complete
from qmpeer.shell.error_reports import redacted_error, unwrap_source_error
from qmpeer.shell.execution import LineExecutor
from qmpeer.shell.human_completion import complete_human
from qmpeer.shell.input_errors import InputError, SourceError, marked_lines
from qmpeer.shell.lexer import LineLexer
from qmpeer.shell.live_names import LiveNames
from qmpeer.shell.outcomes import error_text
from qmpeer.shell.session import Session
from qmpeer.shell.terminal_screen import TerminalScreen


class PromptLines:
    """The lines of one prompt.

    Args:
        session: The session.
        screen: Its screen.
        is_human: True if the lines are for the human monitor.

    Attributes:
        lexer: The lexer that colours them.
    """

    def __init__(self, session: Session, screen: TerminalScreen, *, is_human: bool) -> None:
        self.lexer: LineLexer = LineLexer()
        self._session = session
        self._screen = screen
        self._is_human = is_human
        self._executor = LineExecutor(session)
        loop_time = asyncio.get_running_loop().time
        self._names = LiveNames(lambda: session.connection.client, loop_time)

    # --- Completing -----------------------------------------------------------------------------

    def is_complete(self, text: str) -> bool:
        """Return whether Enter executes a text; otherwise it begins a new line."""
        if self._is_human:
            return True
        statements = split(text)
        if text.endswith("\\"):
            return False
        return not statements or not statements[-1].is_open

    def complete(self, text: str, cursor: int) -> CompletionResult:
        """Return the completions of a text, using cached names only."""
        if len(text) > limits.SHELL_PASTE:
            return CompletionResult(0)
        if self._is_human:
            return complete_human(text[:cursor], self._names)
        names = self._names
        return complete(text, cursor, self._session.connection.vocabulary, names, names.answer)

    @property
    def has_all_names(self) -> bool:
        """True if the cache had all names that the last completion looked up."""
        return self._names.is_complete and (
            self._is_human or self._session.connection.has_vocabulary
        )

    async def fetch(self, text: str, cursor: int) -> bool:
        """Fetch the names that the completion of a text lacks; return True if some may be new."""
        connection = self._session.connection
        is_new = not (self._is_human or connection.has_vocabulary)
        if is_new:
            await connection.fetch_vocabulary()
            self.complete(text, cursor)  # notes which names are missing
        return await self._names.fetch() or is_new

    # --- Executing ------------------------------------------------------------------------------

    async def execute(self, text: str, typed_at: int | None) -> bool:
        """Execute a text up to the first error; return whether the user exits.

        Args:
            text: The text.
            typed_at: Its first column in the line above; None if the line above shows another text.
        """
        self._names.forget()  # a command may create or delete what they name
        try:
            if self._is_human:
                await self._execute_human(text.strip())
            else:
                await self._execute(text, typed_at)
        except ShellExit:
            return True
        return False

    async def _execute(self, text: str, typed_at: int | None) -> None:
        for statement in split(text):
            try:
                await self._executor.execute(statement)
            except InputError as input_error:
                self._show_input_error(text, input_error, typed_at)
            except (QMPError, OSError, SourceError) as error:
                self._complain(error)
            else:
                continue
            rest = text[statement.end :].strip()
            if rest:
                self._screen.note("the statements after it were not executed")
            break

    async def _execute_human(self, line: str) -> None:
        if line == "exit":
            raise ShellExit
        try:
            if line == "reconnect":
                await self._session.connect()
            elif line:
                await self._session.human(line)
        except (QMPError, OSError) as error:
            self._screen.error(error_text(error))

    def _complain(self, error: Exception) -> None:
        places, text, inner, start = unwrap_source_error("", error)
        if isinstance(inner, InputError):
            self._screen.error(places.rstrip(" "))
            self._show_input_error(*redacted_error(text, inner, start), None)
        else:
            self._screen.error(error_text(error))

    def _show_input_error(self, text: str, input_error: InputError, typed_at: int | None) -> None:
        """Mark an error below the typed line, or below a copy of it without secrets."""
        width = self._screen.width
        is_one_line = typed_at is not None and "\n" not in text
        if is_one_line and (typed_at or 0) + columns(visible(text)) < width:
            *_, mark = marked_lines(text, input_error, width)
            lines = [" " * (typed_at or 0) + mark]
        else:
            lines = list(marked_lines(*redacted_error(text, input_error), width))
        self._screen.input_error(lines, input_error)
