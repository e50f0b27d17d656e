"""A session: what each statement does, wherever it was typed and wherever its outcome is shown."""

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.client.answers import read_answer
from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError
from qmpeer.shell.event_pump import EventPump
from qmpeer.shell.human import HumanMonitor
from qmpeer.shell.link import Link
from qmpeer.shell.mistakes import Mistake, near
from qmpeer.shell.own_statements import OwnStatements
from qmpeer.shell.own_words import OWN_WORDS
from qmpeer.shell.screen import Screen
from qmpeer.shell.settings import Settings
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:  # what the prompt can do without is imported when it is needed
    from qmpeer.schema import Schema
    from qmpeer.shell.reading import Reader
    from qmpeer.shell.words import Statement, Word

__all__ = ["Session"]

_QUOTED: Final = re.compile(r"'([^']+)'")
_MEMBERS: Final = frozenset({"execute", "exec-oob", "arguments", "id"})


class Session:
    """Execute statements.

    Args:
        link: The connection.
        screen: What things are shown on.
        settings: The settings.
        documentation: Returns a schema with documentation for help, None if there is none.

    Attributes:
        link: The connection.
        screen: What things are shown on.
        settings: The settings.
        events: Shows the events, and records them.
        mark: Events with greater numbers came since the last command was sent.
        last: The last reply.
        has_value: There was one.
        is_unanswered: The statement sent a command, and there is no reply yet.
    """

    def __init__(
        self,
        link: Link,
        screen: Screen,
        settings: Settings,
        documentation: "Callable[[], Schema | None]" = lambda: None,
    ) -> None:
        self.link: Link = link
        self.screen: Screen = screen
        self.settings: Settings = settings
        self.events: EventPump = EventPump(screen, is_on=settings.is_interactive)
        self.mark: int = 0
        self.last: JsonValue = None
        self.has_value: bool = False
        self.is_unanswered: bool = False
        self._human = HumanMonitor()
        self._reader: tuple[Schema, Reader] | None = None
        self._warned: set[str] = set()
        self._own = OwnStatements(self, documentation)

    # --- Statements -----------------------------------------------------------------------------

    async def run(self, statement: "Statement") -> None:
        """Execute one statement.

        Raises:
            Mistake: If something is wrong with it.
            CommandError: If the server returned an error.
            QMPError: If the connection ends.
            OSError: If a file can't be had, or there is no reply in time.
            Leave: If that is what it says.
        """
        self.is_unanswered = False
        if statement.mistake is not None:
            raise statement.mistake
        if statement.is_open:
            raise _unclosed(statement)
        words = statement.words
        first = words[0]
        if statement.raw is not None:
            await (self._hmp if first.value.text == "hmp" else self._own.system)(statement)
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
            await self._own.run(statement)
        else:
            await self._command(words)

    def _is_own(self, word: str) -> bool:
        is_own = word in self._own.words or word in ("oob", "execute")
        return is_own and word not in self.link.vocabulary.commands

    async def _prefixed(self, first: "Word", words: "Sequence[Word]") -> None:
        if not words:
            raise Mistake("expected a command", first.end, first.end, is_syntax=True)
        await self._command(words, is_oob=first.value.text == "oob")

    async def _command(self, words: "Sequence[Word]", *, is_oob: bool = False) -> None:
        name = words[0].value.text
        self.link.connected()
        vocabulary = self.link.vocabulary
        if len(words) > 1 or self.settings.is_interactive:
            vocabulary = await self.link.learn()
        if vocabulary.is_known and name not in vocabulary.commands:
            raise self._unknown(words[0], vocabulary)
        schema, arguments = await self._arguments(vocabulary, words)
        if is_oob and "oob" not in self.link.connected().capabilities:
            reason = "this server doesn't do out of band"
            raise Mistake(reason, words[0].start, words[0].end)
        self._warn(vocabulary, name)
        try:
            await self._execute(name, arguments, is_oob=is_oob)
        except CommandError as error:
            raise await self._placed(error, words, schema) from error

    def _unknown(self, word: "Word", vocabulary: Vocabulary) -> Mistake:
        name = word.value.text
        shown = visible(name if len(name) < 100 else f"{name[:100]}…")
        hint = near(name, [*vocabulary.commands, *OWN_WORDS]) or "'help' lists the commands"
        return Mistake(f"The command {shown} has not been found", word.start, word.end, hint)

    async def _arguments(
        self, vocabulary: Vocabulary, words: "Sequence[Word]"
    ) -> "tuple[Schema | None, JsonObject | None]":
        """Return what the words say, and the schema by which they were read."""
        if vocabulary.schema is None:
            from qmpeer.shell.reading import read_freely

            return None, read_freely(words[1:]) if len(words) > 1 else None
        command = vocabulary.commands[words[0].value.text]
        assert command is not None
        schema = vocabulary.schema
        if len(words) > 1:
            from qmpeer.shell.properties import said_in

            schema, command = await self.link.with_properties(
                schema, command, said_in(words), self.settings.timeout
            )
        reader = self.reader(schema)
        return schema, reader.arguments(command, words[1:], words[0].end) or None

    def reader(self, schema: "Schema") -> "Reader":
        """Return what reads values by a schema."""
        if self._reader is None or self._reader[0] is not schema:
            from qmpeer.shell.reading import Reader

            self._reader = schema, Reader(schema)
        return self._reader[1]

    def _warn(self, vocabulary: Vocabulary, name: str) -> None:
        if vocabulary.has_feature(name, "deprecated") and name not in self._warned:
            self._warned.add(name)
            if self.settings.is_interactive:
                self.screen.note(f"{name} is deprecated")

    async def _placed(
        self, error: CommandError, words: "Sequence[Word]", schema: "Schema | None" = None
    ) -> Exception:
        """Return what a server's error says, with the place of the argument that it names."""
        if error.error_class == "CommandNotFound":
            vocabulary = await self.link.learn()
            if vocabulary.is_known and words[0].value.text not in vocabulary.commands:
                return self._unknown(words[0], vocabulary)
        if schema is not None:
            from qmpeer.shell.properties import missing_property, property_names

            missing = missing_property(error.desc)
            hint = near(missing, property_names(schema)) if missing else ""
            for word in words[1:] if missing else ():
                if word.name == missing:
                    return Refused(error, word.start, word.start + len(missing), hint)
                if word.value.text == missing:
                    return Refused(error, word.value.start, word.value.end, hint)
        places: dict[str, tuple[int, int]] = {}
        for word in words[1:]:
            if word.name is not None:
                for name in (word.name, word.name.rpartition(".")[2]):
                    places.setdefault(name, (word.start, word.start + len(word.name)))
            places.setdefault(word.value.text, (word.value.start, word.value.end))
        for found in _QUOTED.finditer(error.desc):
            if found[1] in places:
                return Refused(error, *places[found[1]])
        return error

    async def _message(self, word: "Word") -> None:
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
        await self.screen.show_value(value, name, seconds)

    async def _ask(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> tuple[JsonValue, float]:
        client = self.link.connected()
        self.mark = await client.event_mark()
        if self.events.recording is not None:
            self.events.recording.sent(name, arguments, is_oob=is_oob)
        begin = time.monotonic()
        timeout = self.settings.timeout
        self.is_unanswered = True
        try:
            value: JsonValue = await self.link.execute(
                name, arguments, is_oob=is_oob, timeout=timeout
            )
        except CommandError as error:
            self.is_unanswered = False
            await self.events.take()
            if self.events.recording is not None:
                self.events.recording.failed(error.error_class, error.desc)
            raise
        self.is_unanswered = False
        seconds = time.monotonic() - begin
        await self.events.take()
        if self.events.recording is not None:
            self.events.recording.returned(value)
        self.remember(value)
        return value, seconds

    async def _transaction(self, statement: "Statement") -> None:
        words = statement.words
        if words[-1].value.text == "cancel" and words[-1].name is None:
            self.screen.note("transaction given up")
            return
        vocabulary = await self.link.learn()
        if vocabulary.is_known and "transaction" not in vocabulary.commands:
            from qmpeer.shell.words import Word

            raise self._unknown(Word(None, words[0].value, words[0].start), vocabulary)
        starts = sorted(statement.breaks | {1})
        ends = [*starts[1:], len(words) - 1]
        types = self._action_types(vocabulary.schema)
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
            actions.append({"type": name, "data": self._action(vocabulary, types, action)})
        if not actions:
            raise Mistake("a transaction without actions", statement.start, statement.end)
        try:
            await self._execute("transaction", {"actions": actions, **message})
        except CommandError as error:
            raise await self._placed(error, words) from error

    def _action_types(self, schema: "Schema | None") -> dict[str, str]:
        """Return the actions that a transaction takes, and the type of each one's data."""
        if schema is None:
            return {}
        from qmpeer.shell.members import transaction_types

        return transaction_types(schema)

    def _action(
        self, vocabulary: Vocabulary, types: dict[str, str], words: "Sequence[Word]"
    ) -> JsonObject:
        if vocabulary.schema is None:
            from qmpeer.shell.reading import read_freely

            return read_freely(words[1:])
        name = words[0].value.text
        if name not in types:
            reason = f"Parameter 'type' does not accept value '{visible(name)}'"
            hint = near(name, types) or f"a transaction takes {', '.join(types)}"
            raise Mistake(reason, words[0].start, words[0].end, hint)
        reader = self.reader(vocabulary.schema)
        return reader.members(types[name], words[1:], name, words[0].end)

    def _properties(self, schema: "Schema", words: "Sequence[Word]") -> JsonObject:
        from qmpeer.shell.members import arguments_type, members_of

        command = self.link.vocabulary.commands["transaction"]
        assert command is not None
        known = members_of(schema, arguments_type(command), lambda _: None).members
        if "properties" not in known:
            raise Mistake("this server's transactions have no properties",
                          words[0].start, words[0].end)  # fmt: skip
        of = known["properties"].type
        return self.reader(schema).members(of, words[1:], "properties", words[0].end)

    # --- Raw lines ------------------------------------------------------------------------------

    async def human(self, line: str) -> None:
        """Execute a line of the human monitor.

        Raises:
            QMPError: As `run`.
        """
        value, _ = await self._ask("human-monitor-command", self._human.arguments(line))
        text = read_answer("human-monitor-command", value, str, "text")
        self._human.take(line, text)
        await self.screen.show_human(text)

    async def _hmp(self, statement: "Statement") -> None:
        if not statement.raw:
            end = statement.end
            raise Mistake("expected a command of the human monitor", end, end, is_syntax=True)
        await self.human(statement.raw)

    # --- The connection and its events ----------------------------------------------------------

    async def connect(self) -> None:
        """Connect, for the first time or again, and say who is there.

        Raises:
            OSError: As `Link.connect`.
            QMPError: As `Link.connect`.
        """
        self.is_unanswered = False
        await self.events.end()
        await self.link.connect(self._tell_silence)
        self.mark = 0
        if self.settings.is_interactive:
            self.screen.note(self.welcome())
        if (
            self.settings.is_interactive
            or self.events.recording is not None
            or self.events.filter.is_on
        ):
            self.take_up_events()

    def _tell_silence(self) -> None:
        address, seconds = visible(self.link.address), f"{limits.SHELL_SILENCE:g} seconds"
        if self.link.negotiate:
            self.screen.note(
                f"nobody has greeted at {address} for {seconds}: a monitor serves one client at a "
                "time, and another may hold this one. Close that one, or give QEMU a second "
                "monitor (-qmp). Still waiting; C-c gives up. If this is a guest agent, which "
                "doesn't greet, add --no-negotiate"
            )
        else:
            self.screen.note(
                f"no guest agent has answered at {address} for {seconds}: it may not run yet, its "
                "guest may be stopped, or another client may hold its port. Still waiting; C-c "
                "gives up"
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

    def take_up_events(self) -> None:
        """Begin to show events, and to record them, unless that was done."""
        if self.link.is_connected:
            self.events.begin(self.link.connected())

    def record(self, path: str | None) -> None:
        """Record the conversation in a file, or in none.

        Raises:
            OSError: If it can't be written.
        """
        if self.events.recording is not None:
            self.events.recording.close()
            self.events.recording = None
        if path is not None:
            from qmpeer.shell.recording import Recording

            self.events.recording = Recording(path)
            self.take_up_events()

    def remember(self, value: JsonValue) -> None:
        """Keep a value as the last reply."""
        self.last, self.has_value = value, True

    async def close(self) -> None:
        """End it."""
        await self.events.end()
        self.record(None)
        await self.link.close()


def _unclosed(statement: "Statement") -> Mistake:
    """Return what to say of a statement that ends within a bracket: which one."""
    last = statement.words[-1].value
    bracket = last if not last.is_closed else statement.words[0].value  # transaction(
    end = bracket.end if last.is_closed else bracket.start + 1
    return Mistake("a bracket isn't closed", bracket.start, end, is_syntax=True)


class Refused(Mistake):
    """Tell that the server refused a command, and which argument its error names.

    Attributes:
        error: The server's error.
    """

    def __init__(self, error: CommandError, start: int, end: int, hint: str = "") -> None:
        super().__init__(str(error), start, end, hint)
        self.error = error
