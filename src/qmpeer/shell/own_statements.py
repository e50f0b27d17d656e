"""What the shell's own words do, but for those that stand before a command."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.display.safe_text import visible
from qmpeer.errors import JobError, QMPError
from qmpeer.shell.files import read_text, write_file
from qmpeer.shell.mistakes import Mistake, near
from qmpeer.shell.typing_ahead import lent_to_a_child
from qmpeer.values import JsonObject

if TYPE_CHECKING:  # what the prompt can do without is imported when it is needed
    from qmpeer.schema import Schema
    from qmpeer.shell.session import Session
    from qmpeer.shell.words import Statement, Word

__all__ = ["Leave", "OwnStatements", "SourceError"]


class Leave(Exception):
    """Tell that the user wants to leave."""


class SourceError(Exception):
    """Tell where in a file a statement failed.

    Attributes:
        place: The file and the line.
        text: The statement's lines.
        error: Why.
        start: Where these begin in the file, from whose start mistakes count.
    """

    def __init__(self, place: str, text: str, error: Exception, start: int = 0) -> None:
        super().__init__(place, text, error)
        self.place = place
        self.text = text
        self.error = error
        self.start = start

    def __str__(self) -> str:
        return f"{self.place}: {self.error}"


class OwnStatements:
    """Execute statements that begin with a word of the shell's own.

    Args:
        session: The session that they are said in.
        documentation: Returns a schema with documentation for help, None if there is none.

    Attributes:
        words: By word, what executes it.
    """

    def __init__(self, session: "Session", documentation: "Callable[[], Schema | None]") -> None:
        self._session = session
        self._documentation = documentation
        self._depth = 0
        self.words: Mapping[str, Callable[[Statement, Sequence[Word]], Awaitable[None]]] = {
            "help": self._help,
            "events": self._events,
            "set": self._set,
            "wait": self._wait,
            "job": self._job,
            "record": self._record,
            "source": self._source,
            "save": self._save,
            "reconnect": self._reconnect,
            "exit": self._exit,
        }

    async def run(self, statement: "Statement") -> None:
        """Execute one, as `Session.run` says."""
        words = statement.words
        await self.words[words[0].value.text](statement, words[1:])

    async def _help(self, statement: "Statement", words: "Sequence[Word]") -> None:
        from qmpeer.shell.help_texts import help_lines

        topic = words[0].value.text if words else ""
        vocabulary = await self._session.link.learn()
        documentation = await asyncio.to_thread(self._documentation) if topic else None
        palette = self._session.screen.palette
        await self._session.screen.show_text(
            "\n".join(help_lines(topic, vocabulary, documentation, palette))
        )

    async def _events(self, statement: "Statement", words: "Sequence[Word]") -> None:
        if words:
            word = _only(words)
            try:
                self._session.events.filter.set(word.value.text)
            except re.error as error:
                reason = f"this is no regular expression: {error}"
                raise Mistake(reason, word.start, word.end, is_syntax=True) from None
            self._session.take_up_events()
        if not words or self._session.settings.is_interactive:
            self._session.screen.note(f"events shown: {visible(str(self._session.events.filter))}")

    async def _set(self, statement: "Statement", words: "Sequence[Word]") -> None:
        if not words:
            for line in self._session.settings.lines():
                self._session.screen.note(line)
            return
        if len(words) != 2:
            raise Mistake("expected a setting and its value", words[-1].end, words[-1].end,
                          "; ".join(self._session.settings.lines()), is_syntax=True)  # fmt: skip
        try:
            self._session.settings.set(words[0].value.text, words[1].value.text)
        except ValueError as error:
            word = words[1] if self._session.settings.has(words[0].value.text) else words[0]
            raise Mistake(str(error), word.start, word.end, is_syntax=True) from None
        name = words[0].value.text
        if name != "timeout" and not self._session.settings.is_interactive:
            self._session.screen.note(
                f"set {name} changes nothing in a script: each reply is one line of JSON"
            )

    async def _wait(self, statement: "Statement", words: "Sequence[Word]") -> None:
        timeout = self._session.settings.timeout
        if words and (seconds := _seconds(words[0])) is not None:
            timeout, words = seconds, words[1:]
        if not words:
            end = statement.end
            raise Mistake("expected the name of an event", end, end, is_syntax=True)
        if words[0].name is not None:
            reason = "expected the name of an event first"
            raise Mistake(reason, words[0].start, words[0].end, is_syntax=True)
        vocabulary = await self._session.link.learn()
        name = words[0].value.text
        event_type = vocabulary.events.get(name)
        match: JsonObject = {}
        if event_type is None and vocabulary.events:
            reason = f"there is no event {visible(name)}"
            hint = near(name, vocabulary.events) or "'help' lists the events"
            raise Mistake(reason, words[0].start, words[0].end, hint)
        if event_type is None:
            from qmpeer.shell.reading import read_freely

            match = read_freely(words[1:])
        elif vocabulary.schema is not None:
            match = self._session.reader(vocabulary.schema).event_match(event_type, words[1:])
        client = self._session.link.connected()
        event = await client.wait_event(
            name, match or None, since=self._session.mark, timeout=timeout
        )
        self._session.mark = event.number
        await self._session.events.take()
        if not (self._session.settings.is_interactive and self._session.events.filter.takes(event)):
            self._session.screen.show_event(event)
        self._session.remember(event.data)

    async def _job(self, statement: "Statement", words: "Sequence[Word]") -> None:
        from qmpeer.client.jobs import CANCELED
        from qmpeer.shell.job_watch import advice, follow_job, progress_bar

        word = _only(words, statement, "the id of a job")
        client = self._session.link.connected()
        screen = self._session.screen
        begin = monotonic()
        try:
            job = await follow_job(
                client,
                word.value.text,
                lambda state: screen.show_progress(progress_bar(state, screen.width)),
                since=self._session.mark,
            )
        finally:
            screen.show_progress("")
        if job is None:
            reason = f"there is no job '{visible(word.value.text)}'"
            raise Mistake(reason, word.start, word.end, "query-jobs lists them")
        await screen.show_value(job.message(), "query-jobs", monotonic() - begin)
        if job.error is not None:
            is_cancelled = job.error == CANCELED
            raise JobError(job.id, job.error, job.type or "job", is_cancelled)
        if self._session.settings.is_interactive and advice(job):
            screen.note(advice(job))
        if job.stop_reason is not None:
            raise JobError(job.id, job.stop_reason, job.type or "job", is_stopped=True)

    async def _record(self, statement: "Statement", words: "Sequence[Word]") -> None:
        word = _only(words, statement, "a file, or off")
        self._session.record(None if word.value.text == "off" else word.value.text)

    async def _source(self, statement: "Statement", words: "Sequence[Word]") -> None:
        word = _only(words, statement, "a file")
        if self._depth >= limits.SHELL_SOURCES:
            reason = f"more than {limits.SHELL_SOURCES} files source one another"
            raise Mistake(reason, word.start, word.end)
        self._depth += 1
        try:
            await self._execute_file(word.value.text)
        finally:
            self._depth -= 1

    async def _execute_file(self, path: str) -> None:
        """Execute the statements of a file, up to the first that fails.

        Raises:
            SourceError: If one fails.
            OSError: If the file can't be read.
        """
        from qmpeer.shell.words import BYTE_ORDER_MARK, split

        text = (await asyncio.to_thread(read_text, path)).removeprefix(BYTE_ORDER_MARK)
        for statement in split(text):
            try:
                await self._session.run(statement)
            except (Mistake, QMPError, OSError, SourceError) as error:
                place = f"{visible(path)}:{text.count(chr(10), 0, statement.start) + 1}"
                line = text.rfind("\n", 0, statement.start) + 1
                raise SourceError(place, text[line : statement.end], error, line) from error

    async def _save(self, statement: "Statement", words: "Sequence[Word]") -> None:
        word = _only(words, statement, "a file")
        if not self._session.has_value:
            raise Mistake("there is no reply yet", word.start, word.end)
        from qmpeer.wire import encode_pretty

        data = encode_pretty(self._session.last).replace(b"\r\n", b"\n")
        await asyncio.to_thread(write_file, word.value.text, data)

    async def _reconnect(self, statement: "Statement", words: "Sequence[Word]") -> None:
        await self._session.connect()

    async def _exit(self, statement: "Statement", words: "Sequence[Word]") -> None:
        raise Leave

    async def system(self, statement: "Statement") -> None:
        """Execute a command of the system's shell."""
        if not statement.raw:
            raise Mistake("expected a command", statement.end, statement.end, is_syntax=True)
        with lent_to_a_child():
            status = await _finished(statement.raw)
        if status != 0:
            raise Mistake(f"it ended with status {status}", statement.start, statement.end)


async def _finished(command: str) -> int:
    """Execute a command of the system's shell, and return its status."""
    process = await asyncio.create_subprocess_shell(command)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


def _only(words: "Sequence[Word]", statement: "Statement | None" = None, what: str = "") -> "Word":
    if not words and statement is not None:
        raise Mistake(f"expected {what}", statement.end, statement.end, is_syntax=True)
    if len(words) > 1:
        raise Mistake("one word too many", words[1].start, words[-1].end, is_syntax=True)
    return words[0]


def _seconds(word: "Word") -> float | None:
    if word.name is not None:
        return None
    try:
        seconds = float(word.value.text)
    except ValueError:
        return None
    if not 0 <= seconds <= 1e9:
        raise Mistake("expected seconds from 0 on", word.start, word.end, is_syntax=True)
    return seconds
