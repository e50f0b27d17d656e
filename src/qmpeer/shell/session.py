"""A session: what each statement does, wherever it was typed and wherever its outcome is shown."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError, ConnectionClosed, QMPError
from qmpeer.messages import Event
from qmpeer.shell.event_lines import EventFilter
from qmpeer.shell.files import read_text, write_file
from qmpeer.shell.human import HumanMonitor
from qmpeer.shell.link import Link
from qmpeer.shell.mistakes import Mistake, near
from qmpeer.shell.own_words import OWN_WORDS
from qmpeer.shell.recording import Recording
from qmpeer.shell.screen import Screen
from qmpeer.shell.settings import Settings
from qmpeer.shell.typing_ahead import end_of_file_is_the_terminals
from qmpeer.shell.visible import visible
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import Statement, Word, split
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:  # what the prompt can do without is imported when it is needed
    from qmpeer.schema import Schema
    from qmpeer.shell.reading import Reader

__all__ = ["Leave", "Session", "SourceError"]

_QUOTED: Final = re.compile(r"'([^']+)'")
_MEMBERS: Final = frozenset({"execute", "exec-oob", "arguments", "id"})


class Leave(Exception):
    """Tell that the user wants to leave."""


class SourceError(Exception):
    """Tell where in a file a statement failed.

    Attributes:
        place: The file and the line.
        text: All that the file holds.
        error: Why.
    """

    def __init__(self, place: str, text: str, error: Exception) -> None:
        super().__init__(place, text, error)
        self.place = place
        self.text = text
        self.error = error

    def __str__(self) -> str:
        return f"{self.place}: {self.error}"


class Session:
    """Execute statements.

    Args:
        link: The connection.
        screen: What things are shown on.
        settings: The settings.
        documentation: Returns a schema with documentation for help, None if there is none.

    Attributes:
        link: The connection.
        settings: The settings.
        events: Which events are shown.
        last: The last reply.
        on_lost: Called with the reason when the server has closed the connection.
    """

    def __init__(
        self,
        link: Link,
        screen: Screen,
        settings: Settings,
        documentation: "Callable[[], Schema | None]" = lambda: None,
    ) -> None:
        self.link: Link = link
        self.settings: Settings = settings
        self.events: EventFilter = EventFilter(is_on=settings.is_interactive)
        self.last: JsonValue = None
        self.on_lost: Callable[[str], None] | None = None
        self._screen = screen
        self._documentation = documentation
        self._human = HumanMonitor()
        self._recording: Recording | None = None
        self._mark = 0
        self._subscribed: AsyncClient | None = None
        self._pump: asyncio.Task[None] | None = None
        self._reader: tuple[Schema, Reader] | None = None
        self._warned: set[str] = set()
        self._depth = 0
        self._has_value = False
        self._own: Mapping[str, Callable[[Statement, Sequence[Word]], Awaitable[None]]] = {
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

    # --- Statements -----------------------------------------------------------------------------

    async def run(self, statement: Statement) -> None:
        """Execute one statement.

        Raises:
            Mistake: If something is wrong with it.
            CommandError: If the server returned an error.
            QMPError: If the connection ends.
            OSError: If a file can't be had, or there is no reply in time.
            Leave: If that is what it says.
        """
        if statement.mistake is not None:
            raise statement.mistake
        if statement.is_open:
            end = statement.end
            raise Mistake("a bracket isn't closed", end, end, is_syntax=True)
        words = statement.words
        first = words[0]
        if statement.raw is not None:
            await (self._hmp if first.value.text == "hmp" else self._system)(statement)
        elif first.name is None and first.value.kind == "json":
            for word in words:
                await self._message(word)
        elif first.name is not None or first.value.kind == "quoted":
            reason = f"found {visible(first.value.text[:40])!r}, expected a command first"
            raise Mistake(reason, first.start, first.end, is_syntax=True)
        elif statement.breaks:
            await self._transaction(statement)
        elif first.value.text in ("oob", "execute") and self._is_own(first.value.text):
            await self._prefixed(first, words[1:])
        elif self._is_own(first.value.text):
            await self._own[first.value.text](statement, words[1:])
        else:
            await self._command(words)

    def _is_own(self, word: str) -> bool:
        is_own = word in self._own or word in ("oob", "execute")
        return is_own and word not in self.link.vocabulary.commands

    async def _prefixed(self, first: Word, words: Sequence[Word]) -> None:
        if not words:
            raise Mistake("expected a command", first.end, first.end, is_syntax=True)
        await self._command(words, is_oob=first.value.text == "oob")

    async def _command(self, words: Sequence[Word], *, is_oob: bool = False) -> None:
        name = words[0].value.text
        self.link.connected()
        vocabulary = self.link.vocabulary
        if len(words) > 1 or self.settings.is_interactive:
            vocabulary = await self.link.learn()
        if vocabulary.is_known and name not in vocabulary.commands:
            raise self._unknown(words[0], vocabulary)
        arguments = self._arguments(vocabulary, words)
        if is_oob and "oob" not in self.link.connected().capabilities:
            reason = "this server doesn't do out of band"
            raise Mistake(reason, words[0].start, words[0].end)
        self._warn(vocabulary, name)
        try:
            await self._execute(name, arguments, is_oob=is_oob)
        except CommandError as error:
            raise await self._placed(error, words) from error

    def _unknown(self, word: Word, vocabulary: Vocabulary) -> Mistake:
        name = word.value.text
        shown = visible(name if len(name) < 100 else f"{name[:100]}…")
        hint = near(name, [*vocabulary.commands, *OWN_WORDS]) or "'help' lists the commands"
        return Mistake(f"The command {shown} has not been found", word.start, word.end, hint)

    def _arguments(self, vocabulary: Vocabulary, words: Sequence[Word]) -> JsonObject | None:
        if vocabulary.schema is None:
            from qmpeer.shell.reading import read_freely

            return read_freely(words[1:]) if len(words) > 1 else None
        command = vocabulary.commands[words[0].value.text]
        assert command is not None
        return self._reading(vocabulary.schema).arguments(command, words[1:], words[0].end) or None

    def _reading(self, schema: "Schema") -> "Reader":
        if self._reader is None or self._reader[0] is not schema:
            from qmpeer.shell.reading import Reader

            self._reader = schema, Reader(schema)
        return self._reader[1]

    def _warn(self, vocabulary: Vocabulary, name: str) -> None:
        if vocabulary.has_feature(name, "deprecated") and name not in self._warned:
            self._warned.add(name)
            if self.settings.is_interactive:
                self._screen.note(f"{name} is deprecated")

    async def _placed(self, error: CommandError, words: Sequence[Word]) -> Exception:
        """Return what a server's error says, with the place of the argument that it names."""
        if error.error_class == "CommandNotFound":
            vocabulary = await self.link.learn()
            if vocabulary.is_known and words[0].value.text not in vocabulary.commands:
                return self._unknown(words[0], vocabulary)
        for found in _QUOTED.finditer(error.desc):
            for word in words[1:]:
                if found[1] in (word.name, (word.name or "").rpartition(".")[2]):
                    return Refused(error, word.start, word.start + len(word.name or ""))
                if found[1] == word.value.text:
                    return Refused(error, word.value.start, word.value.end)
        return error

    async def _message(self, word: Word) -> None:
        """Execute a command that was given as it stands on the wire."""
        from qmpeer.shell.argument_tree import free_json

        value = free_json(word.value)
        start, end = word.value.start, word.value.end
        if not isinstance(value, dict):
            raise Mistake("found an array, expected an object", start, end, is_syntax=True)
        verb = "exec-oob" if "exec-oob" in value else "execute"
        name, arguments = value.get(verb), value.get("arguments")
        unexpected = [key for key in value if key not in _MEMBERS]
        if not isinstance(name, str) or unexpected:
            reason = "QMP input lacks member 'execute'"
            if verb in value:
                reason = f"QMP input member '{verb}' must be a string"
            if unexpected:
                reason = f"QMP input member '{visible(unexpected[0])}' is unexpected"
            raise Mistake(reason, start, min(end, start + 60), is_syntax=True)
        if arguments is not None and not isinstance(arguments, dict):
            reason = "QMP input member 'arguments' must be an object"
            raise Mistake(reason, start, min(end, start + 60), is_syntax=True)
        await self._execute(name, arguments, is_oob=verb == "exec-oob")

    async def _execute(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> None:
        value, seconds = await self._ask(name, arguments, is_oob=is_oob)
        await self._screen.show_value(value, name, seconds)

    async def _ask(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> tuple[JsonValue, float]:
        client = self.link.connected()
        self._mark = await client.event_mark()
        if self._recording is not None:
            self._recording.sent(name, arguments, is_oob=is_oob)
        begin = time.monotonic()
        timeout = self.settings.timeout
        try:
            value: JsonValue = await client.execute(name, arguments, oob=is_oob, timeout=timeout)
        except CommandError as error:
            await self.take_events()
            if self._recording is not None:
                self._recording.failed(error.error_class, error.desc)
            raise
        seconds = time.monotonic() - begin
        await self.take_events()
        if self._recording is not None:
            self._recording.returned(value)
        self.last, self._has_value = value, True
        return value, seconds

    async def _transaction(self, statement: Statement) -> None:
        words = statement.words
        if words[-1].value.text == "cancel" and words[-1].name is None:
            self._screen.note("transaction given up")
            return
        vocabulary = await self.link.learn()
        if vocabulary.is_known and "transaction" not in vocabulary.commands:
            raise self._unknown(Word(None, words[0].value, words[0].start), vocabulary)
        starts = sorted(statement.breaks | {1})
        ends = [*starts[1:], len(words) - 1]
        message: JsonObject = {}
        actions: list[JsonValue] = []
        for start, end in zip(starts, ends, strict=True):
            action = words[start : min(end, len(words) - 1)]
            if not action:
                continue
            name = action[0].value.text
            if name == "properties" and vocabulary.schema is not None:
                message["properties"] = self._properties(vocabulary.schema, action)
                continue
            actions.append({"type": name, "data": self._action(vocabulary, action)})
        if not actions:
            raise Mistake("a transaction without actions", statement.start, statement.end)
        try:
            await self._execute("transaction", {"actions": actions, **message})
        except CommandError as error:
            raise await self._placed(error, words) from error

    def _action(self, vocabulary: Vocabulary, words: Sequence[Word]) -> JsonObject:
        from qmpeer.shell.completion import transaction_types
        from qmpeer.shell.reading import read_freely

        if vocabulary.schema is None:
            return read_freely(words[1:])
        types = transaction_types(vocabulary.schema)
        name = words[0].value.text
        if name not in types:
            reason = f"Parameter 'type' does not accept value '{visible(name)}'"
            hint = near(name, types) or f"a transaction takes {', '.join(types)}"
            raise Mistake(reason, words[0].start, words[0].end, hint)
        reader = self._reading(vocabulary.schema)
        return reader.members(types[name], words[1:], name, words[0].end)

    def _properties(self, schema: "Schema", words: Sequence[Word]) -> JsonObject:
        command = self.link.vocabulary.commands["transaction"]
        assert command is not None
        reader = self._reading(schema)
        return reader.members("TransactionProperties", words[1:], "properties", words[0].end)

    # --- Raw lines ------------------------------------------------------------------------------

    async def human(self, line: str) -> None:
        """Execute a line of the human monitor.

        Raises:
            QMPError: As `run`.
        """
        client = self.link.connected()
        self._mark = await client.event_mark()
        text = await self._human.execute(client, line)
        await self.take_events()
        self.last, self._has_value = text, True
        self._screen.show_human(text)

    async def _hmp(self, statement: Statement) -> None:
        if not statement.raw:
            end = statement.end
            raise Mistake("expected a command of the human monitor", end, end, is_syntax=True)
        await self.human(statement.raw)

    async def _system(self, statement: Statement) -> None:
        if not statement.raw:
            raise Mistake("expected a command", statement.end, statement.end, is_syntax=True)
        with end_of_file_is_the_terminals():
            status = await _finished(statement.raw)
        if status != 0:
            raise Mistake(f"it ended with status {status}", statement.start, statement.end)

    # --- Words of the shell's own ---------------------------------------------------------------

    async def _help(self, statement: Statement, words: Sequence[Word]) -> None:
        from qmpeer.shell.help_texts import help_lines

        topic = words[0].value.text if words else ""
        vocabulary = await self.link.learn()
        documentation = await asyncio.to_thread(self._documentation) if topic else None
        palette = self._screen.palette
        await self._screen.show_text(
            "\n".join(help_lines(topic, vocabulary, documentation, palette))
        )

    async def _events(self, statement: Statement, words: Sequence[Word]) -> None:
        if words:
            word = _only(words)
            try:
                self.events.set(word.value.text)
            except re.error as error:
                reason = f"this is no regular expression: {error}"
                raise Mistake(reason, word.start, word.end, is_syntax=True) from None
            self.begin_pump()
        if not words or self.settings.is_interactive:
            self._screen.note(f"events shown: {visible(str(self.events))}")

    async def _set(self, statement: Statement, words: Sequence[Word]) -> None:
        if not words:
            for line in self.settings.lines():
                self._screen.note(line)
            return
        if len(words) != 2:
            raise Mistake("expected a setting and its value", words[-1].end, words[-1].end,
                          "; ".join(self.settings.lines()), is_syntax=True)  # fmt: skip
        try:
            self.settings.set(words[0].value.text, words[1].value.text)
        except ValueError as error:
            word = words[1] if self.settings.has(words[0].value.text) else words[0]
            raise Mistake(str(error), word.start, word.end, is_syntax=True) from None

    async def _wait(self, statement: Statement, words: Sequence[Word]) -> None:
        timeout = self.settings.timeout
        if words and (seconds := _seconds(words[0])) is not None:
            timeout, words = seconds, words[1:]
        if not words:
            end = statement.end
            raise Mistake("expected the name of an event", end, end, is_syntax=True)
        vocabulary = await self.link.learn()
        name = words[0].value.text
        event_type = vocabulary.events.get(name)
        match: JsonObject = {}
        if event_type is None:
            hint = near(name, vocabulary.events)
            if hint:  # others may be sent for all that the schema says
                reason = f"there is no event {visible(name)}"
                raise Mistake(reason, words[0].start, words[0].end, hint)
            from qmpeer.shell.reading import read_freely

            match = read_freely(words[1:])
        elif vocabulary.schema is not None:
            match = self._reading(vocabulary.schema).event_match(event_type, words[1:])
        client = self.link.connected()
        event = await client.wait_event(name, match or None, since=self._mark, timeout=timeout)
        self._mark = event.number
        await self.take_events()
        if not (self.settings.is_interactive and self.events.takes(event)):
            self._screen.show_event(event)
        self.last, self._has_value = event.data, True

    async def _job(self, statement: Statement, words: Sequence[Word]) -> None:
        from qmpeer.shell.job_watch import follow_job, progress_bar

        word = _only(words, statement, "the id of a job")
        client = self.link.connected()
        screen = self._screen
        try:
            stand = await follow_job(
                client,
                word.value.text,
                lambda stand: screen.show_progress(progress_bar(stand, screen.width)),
            )
        finally:
            screen.show_progress("")
        if stand is None:
            reason = f"there is no job '{visible(word.value.text)}'"
            raise Mistake(reason, word.start, word.end, "query-jobs lists them")
        await screen.show_value(stand.entry, "query-jobs", 0.0)
        if stand.error:
            raise CommandError("GenericError", stand.error, "job")
        if stand.advice and self.settings.is_interactive:
            screen.note(stand.advice)

    async def _record(self, statement: Statement, words: Sequence[Word]) -> None:
        word = _only(words, statement, "a file, or off")
        if self._recording is not None:
            self._recording.close()
            self._recording = None
        if word.value.text != "off":
            self._recording = Recording(word.value.text)
            self.begin_pump()

    async def _source(self, statement: Statement, words: Sequence[Word]) -> None:
        word = _only(words, statement, "a file")
        if self._depth >= limits.SHELL_SOURCES:
            reason = f"more than {limits.SHELL_SOURCES} files source one another"
            raise Mistake(reason, word.start, word.end)
        self._depth += 1
        try:
            await self.source(word.value.text)
        finally:
            self._depth -= 1

    async def source(self, path: str) -> None:
        """Execute the statements of a file, up to the first that fails.

        Raises:
            SourceError: If one fails.
            OSError: If the file can't be read.
        """
        text = await asyncio.to_thread(read_text, path)
        for statement in split(text):
            try:
                await self.run(statement)
            except (Mistake, QMPError, OSError, SourceError) as error:
                line = text.count("\n", 0, statement.start) + 1
                raise SourceError(f"{visible(path)}:{line}", text, error) from error

    async def _save(self, statement: Statement, words: Sequence[Word]) -> None:
        word = _only(words, statement, "a file")
        if not self._has_value:
            raise Mistake("there is no reply yet", word.start, word.end)
        from qmpeer.wire import encode_pretty

        data = encode_pretty(self.last).replace(b"\r\n", b"\n")
        await asyncio.to_thread(write_file, word.value.text, data)

    async def _reconnect(self, statement: Statement, words: Sequence[Word]) -> None:
        await self.connect()

    async def _exit(self, statement: Statement, words: Sequence[Word]) -> None:
        raise Leave

    # --- The connection and its events ----------------------------------------------------------

    async def connect(self) -> None:
        """Connect, for the first time or again, and say who is there.

        Raises:
            OSError: As `Link.connect`.
            QMPError: As `Link.connect`.
        """
        await self.end_pump()
        await self.link.connect(self._tell_silence)
        self._mark = 0
        if self.settings.is_interactive:
            self._screen.note(self.welcome())
            self.link.begin_learning()
        if self.settings.is_interactive or self._recording is not None or self.events.is_on:
            self.begin_pump()

    def _tell_silence(self) -> None:
        address = visible(self.link.address)
        if self.link.negotiate:
            self._screen.note(
                f"nobody has greeted at {address} for {limits.SHELL_SILENCE:g} seconds: a monitor "
                "serves one client at a time, and another may hold this one. Close that one, or "
                "give QEMU a second monitor (-qmp). Still waiting; C-c gives up. If this is a "
                "guest agent, which doesn't greet, add --no-negotiate"
            )

    def welcome(self) -> str:
        """Return what to say once there is a connection."""
        address = visible(self.link.address)
        greeting = self.link.connected().greeting
        if greeting is None:
            return f"connected to {address}; help tells more, C-d leaves"
        if greeting.version is None:
            return f"connected to a QMP server at {address}; help tells more, C-d leaves"
        qemu, package = greeting.version.qemu, visible(greeting.version.package)
        version = f"{qemu.major}.{qemu.minor}.{qemu.micro}"
        behind = f" ({package})" if package else ""
        return f"connected to QEMU {version}{behind}; help tells more, C-d leaves"

    def begin_pump(self) -> None:
        """Begin to show events, and to record them."""
        if self._pump is None and self.link.is_connected:
            client = self.link.connected()
            self._queue = client.events()
            self._pump = asyncio.ensure_future(self._show_events())

    async def end_pump(self) -> None:
        """Show no more events."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
            self._pump = None
            self._queue.close()

    async def _show_events(self) -> None:
        dropped = 0
        try:
            while True:
                self._happened(await self._queue.next(None))
                if self._queue.dropped > dropped:
                    self._screen.leave_out(self._queue.dropped - dropped)
                    dropped = self._queue.dropped
                await asyncio.sleep(0)
        except ConnectionClosed as closed:
            self._pump = None
            if self.on_lost is not None:
                self.on_lost(closed.reason)

    async def take_events(self) -> None:
        """Show the events that have come."""
        if self._pump is None:
            return
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            for _ in range(limits.EVENTS_SUBSCRIBED):
                self._happened(await self._queue.next(0))

    def _happened(self, event: Event) -> None:
        if self._recording is not None:
            self._recording.happened(event)
        if self.events.takes(event):
            self._screen.show_event(event)

    async def close(self) -> None:
        """End it."""
        await self.end_pump()
        if self._recording is not None:
            self._recording.close()
            self._recording = None
        await self.link.close()


class Refused(Mistake):
    """Tell that the server refused a command, and which argument its error names.

    Attributes:
        error: The server's error.
    """

    def __init__(self, error: CommandError, start: int, end: int) -> None:
        super().__init__(str(error), start, end)
        self.error = error


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


def _only(words: Sequence[Word], statement: Statement | None = None, what: str = "") -> Word:
    if not words and statement is not None:
        raise Mistake(f"expected {what}", statement.end, statement.end, is_syntax=True)
    if len(words) > 1:
        raise Mistake("one word too many", words[1].start, words[-1].end, is_syntax=True)
    return words[0]


def _seconds(word: Word) -> float | None:
    try:
        seconds = float(word.value.text) if word.name is None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 1e9 else None
