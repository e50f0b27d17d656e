"""The prompt of a session, on prompt_toolkit."""

import asyncio
import contextlib
import re
import signal
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import (
    CompleteEvent,
    Completer,
    Completion,
    get_common_complete_suffix,
)
from prompt_toolkit.document import Document
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.lexers import DynamicLexer, Lexer
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from qmpeer.client.backoff import Backoff
from qmpeer.errors import QMPError
from qmpeer.shell.keys import key_bindings, take_long_pastes
from qmpeer.shell.outcomes import Outcome, error_text, outcome_of
from qmpeer.shell.session import Session
from qmpeer.shell.terminal_modes import is_terminal_lent
from qmpeer.shell.terminal_screen import TerminalScreen

if TYPE_CHECKING:
    from qmpeer.shell.argument_completion import CompletionResult
    from qmpeer.shell.prompt_lines import PromptLines

T = TypeVar("T")

_STYLE: Final = Style.from_dict(
    {
        "completion-menu.meta.completion": "noinherit",
        "completion-menu.meta.completion.current": "noinherit reverse",
        "prompt": "bold",
    }
)
_LINES: Final = "qmpeer.shell.prompt_lines"
_PASTED: Final = re.compile(r"<pasted \d+: \d+ characters>")
_ESCAPE: Final = 0.1
"""Seconds within which the bytes after an escape byte belong to the same key."""
_PREFIX: Final = 0.4
"""Seconds to wait for the second key of a pair: C-x C-e, Escape and f."""


class Terminal:
    """A prompt that reads lines and executes them.

    Args:
        session: The session, connected or not.
        screen: Its screen.
        history: The history of typed lines.
        input: prompt_toolkit's input, None for the terminal's.
        output: prompt_toolkit's output, the same as the screen's.
        is_human: True if the lines are for the human monitor.
        reconnects: True to reconnect automatically after the connection ended.
        is_coloured: True to colour the typed text.
    """

    def __init__(
        self,
        session: Session,
        screen: TerminalScreen,
        history: History,
        *,
        input: Input | None = None,
        output: Output | None = None,
        is_human: bool = False,
        reconnects: bool = False,
        is_coloured: bool = True,
    ) -> None:
        self._session = session
        self._screen = screen
        self._is_human = is_human
        self._reconnects = reconnects
        self._watching: asyncio.Task[None] | None = None
        self._running: asyncio.Task[Any] | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._pastes: dict[str, str] = {}
        self._completer = _Completer(self._complete, self._fetch)
        self._prompt: PromptSession[str] = PromptSession(
            history=history,
            completer=self._completer,
            complete_while_typing=True,
            lexer=DynamicLexer(self._lexer) if is_coloured and not is_human else None,
            style=_STYLE,
            include_default_pygments_style=False,
            key_bindings=key_bindings(self._is_complete, self._keep_paste, self._tab),
            multiline=not is_human,
            prompt_continuation=_continuation,
            enable_open_in_editor=True,
            enable_suspend=True,
            reserve_space_for_menu=min(6, max(0, _rows(output) - 3)),
            input=input,
            output=output,
        )
        self._prompt.app.ttimeoutlen, self._prompt.app.timeoutlen = _ESCAPE, _PREFIX
        self._prompt.app.after_render += self._rendered
        take_long_pastes(self._prompt.app.input)

    @property
    def _prompt_text(self) -> str:
        if not self._session.connection.is_connected:
            return "(gone) "
        if self._is_human:
            return "(hmp) "
        return "qmp> " if self._session.connection.negotiate else "qga> "

    def _rendered(self, application: "Application[str]") -> None:
        """Start background work after the prompt is visible, as the first key may come later."""
        if not self._is_human:
            self._session.connection.start_vocabulary_query()
        if self._preparing is None:
            self._preparing = asyncio.ensure_future(self._prepare())

    async def _prepare(self) -> None:
        await asyncio.to_thread(import_module, _LINES)

    @cached_property
    def _lines(self) -> "PromptLines":
        """The handler of lines. Importing it delays the first key at most, not the prompt."""
        from qmpeer.shell.prompt_lines import PromptLines  # start: 40 ms

        return PromptLines(self._session, self._screen, is_human=self._is_human)

    # --- The loop -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read and execute lines until the user exits."""
        self._watching = asyncio.ensure_future(self._watch())
        with self._taking_interrupts():
            await self._run()
        for task in (self._watching, self._preparing):
            if task is not None:
                task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                text = await self._prompt.prompt_async(
                    lambda: [("class:prompt", self._prompt_text)], handle_sigint=False
                )
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            expanded = self._expanded(text)
            self._pastes.clear()
            # With a paste expanded, offsets no longer match the columns of the line above.
            typed_at = len(self._prompt_text) if expanded == text else None
            if await self._interruptible(self._lines.execute(expanded, typed_at)):
                break

    async def _interruptible(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await a coroutine that C-c cancels; return its result, None if it was cancelled."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._running = task
        try:
            return await task
        except asyncio.CancelledError:
            if not task.cancelled():  # cancelled from outside, not by C-c
                task.cancel()
                raise
            doubt = (
                "; the server may still execute the command" if self._session.is_unanswered else ""
            )
            self._screen.note(f"cancelled{doubt}")
            return None
        finally:
            self._running = None

    def _interrupt(self) -> None:
        if self._running is not None and not is_terminal_lent():
            self._running.cancel()

    @contextlib.contextmanager
    def _taking_interrupts(self) -> Iterator[None]:
        """Handle SIGINT while the shell runs; it has no effect without a running task."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        except (NotImplementedError, RuntimeError, ValueError):  # not the main thread
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    # --- The connection -------------------------------------------------------------------------

    async def begin(self) -> Outcome:
        """Connect, and show the server's name or the error."""
        try:
            with self._taking_interrupts():
                await self._interruptible(self._session.connect())
        except (QMPError, OSError) as error:
            self._screen.error(error_text(error))
            return outcome_of(error)
        return Outcome.DONE if self._session.connection.is_connected else Outcome.LOST

    async def _watch(self) -> None:
        """Report the end of each connection, and reconnect if the user asked for that."""
        while True:
            reason = await self._session.events.lost()
            advice = "'reconnect' connects again, C-d exits"
            if self._reconnects:
                advice = "reconnecting as soon as possible"
            self._screen.note(f"{reason}; {advice}")
            self._prompt.app.invalidate()
            if self._reconnects:
                await self._reconnect()

    async def _reconnect(self) -> None:
        backoff = Backoff(None)
        while not self._session.connection.is_connected:
            await asyncio.sleep(backoff.next_delay())
            with contextlib.suppress(QMPError, OSError):
                await self._session.connect()
        self._prompt.app.invalidate()

    # --- What is typed --------------------------------------------------------------------------

    def _is_complete(self, text: str) -> bool:
        """Return whether Enter executes a text; otherwise it begins a new line."""
        return self._lines.is_complete(self._expanded(text))

    def _lexer(self) -> Lexer | None:
        """Return the lexer; None for an empty line, as importing it must not delay the prompt."""
        return self._lines.lexer if self._prompt.default_buffer.text else None

    def _keep_paste(self, data: str) -> str:
        """Store a long paste, and return the placeholder that the line shows."""
        name = f"<pasted {len(self._pastes) + 1}: {len(data)} characters>"
        self._pastes[name] = data
        return name

    def _expanded(self, text: str) -> str:
        """Replace placeholders by the pasted texts; placeholders within these stay."""
        return _PASTED.sub(lambda found: self._pastes.get(found[0], found[0]), text)

    def _tab(self, buffer: Buffer) -> None:
        """Insert the common beginning of all completions; on further calls select the next one.

        If the cache has all names, this happens at once, since the next keys may have been typed
        already. Otherwise it happens after the server's reply.
        """
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_next()
            return
        found = list(self._completer.get_completions(buffer.document, CompleteEvent()))
        if self._lines.has_all_names:
            _apply_completions(buffer, found)
        else:
            self._prompt.app.create_background_task(self._tab_later(buffer))

    async def _tab_later(self, buffer: Buffer) -> None:
        document = buffer.document
        await self._fetch()
        if buffer.document == document:  # nothing was typed meanwhile
            _apply_completions(
                buffer, list(self._completer.get_completions(document, CompleteEvent()))
            )

    async def _fetch(self) -> bool:
        """Fetch the names that completion lacks; return True if some may be new."""
        document = self._prompt.default_buffer.document
        return await self._lines.fetch(document.text, document.cursor_position)

    def _complete(self, document: Document) -> "CompletionResult":
        return self._lines.complete(document.text, document.cursor_position)


class _Completer(Completer):
    """A completer that uses cached names, then fetched ones."""

    def __init__(
        self, find: "Callable[[Document], CompletionResult]", fetch: Callable[[], Awaitable[bool]]
    ) -> None:
        self._find = find
        self._fetch = fetch

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Yield the completions from cached names."""
        found = self._find(document)
        at = found.start - document.cursor_position
        for item in found.candidates:
            display = item.text.rstrip(" ")
            yield Completion(item.text, at, display=display, display_meta=item.meta)

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield the completions, after fetching missing names."""
        found = list(self.get_completions(document, complete_event))
        if await self._fetch():
            found = list(self.get_completions(document, complete_event))
        for item in found:
            yield item


def _rows(output: Output | None) -> int:
    return 24 if output is None else output.get_size().rows


def _continuation(width: int, line: int, wrapped: int) -> str:
    return "... ".rjust(width)[:width]


def _apply_completions(buffer: Buffer, found: Sequence[Completion]) -> None:
    """Insert the common beginning of all completions, or show them and select the first."""
    if len(found) == 1:
        buffer.cancel_completion()
        buffer.delete_before_cursor(-found[0].start_position)
        buffer.insert_text(found[0].text)
        return
    suffix = get_common_complete_suffix(buffer.document, list(found))
    if suffix:
        buffer.insert_text(suffix)
    elif buffer.complete_state is not None:
        buffer.complete_next()
    elif found:
        buffer.start_completion(select_first=True)
