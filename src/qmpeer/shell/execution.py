"""Execution of statements: server commands, JSON messages, transactions and built-ins."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from qmpeer import limits
from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError, MessageError, QMPError
from qmpeer.messages import parse_command, qemu_texts
from qmpeer.schema import Schema
from qmpeer.schema.model import CommandDefinition
from qmpeer.shell.argument_tree import parse_json
from qmpeer.shell.builtins import BUILTINS, line_of, split
from qmpeer.shell.files import read_text
from qmpeer.shell.input_errors import InputError, SourceError
from qmpeer.shell.lines import (
    BuiltinLine,
    Invocation,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.members import arguments_type, members_of, transaction_types
from qmpeer.shell.properties import (
    PropertyQuery,
    missing_property,
    property_names,
    property_queries,
    typed_values,
    with_properties,
)
from qmpeer.shell.session import Session
from qmpeer.shell.suggestions import did_you_mean
from qmpeer.shell.typed_arguments import ArgumentReader, read_untyped
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import BYTE_ORDER_MARK, Statement, Word
from qmpeer.values import JsonObject, JsonValue

_QUOTED: Final = re.compile(r"'([^']+)'")
_LONGEST_MARK: Final = 60


class LineExecutor:
    """An executor of statements in one session, for the prompt and for scripts.

    Args:
        session: The session.

    Attributes:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.session: Session = session
        self._depth = 0
        self._warned: set[str] = set()
        self._reader: tuple[Schema, ArgumentReader] | None = None

    def reader(self, schema: Schema) -> ArgumentReader:
        """Return an argument reader for a schema."""
        if self._reader is None or self._reader[0] is not schema:
            self._reader = schema, ArgumentReader(schema)
        return self._reader[1]

    async def execute(self, statement: Statement) -> None:
        """Execute one statement.

        Raises:
            InputError: If the statement is wrong.
            CommandError: If the server returned an error.
            QMPError: If the connection ends.
            OSError: If a file can't be opened, or there is no reply in time.
            SourceError: If a statement of a sourced file fails.
            ShellExit: If the statement is ``exit``.
        """
        self.session.begin_line()
        match line_of(statement, self.session.connection.vocabulary.commands):
            case Messages():
                for word in statement.words:
                    await self._message(word)
            case Invocation() as line:
                await self._command(line)
            case Transaction() as line:
                await self._transaction(line)
            case BuiltinLine(word=word) as line:
                assert word.run is not None
                await word.run(self, line)
            case Unfinished():
                raise _unclosed(statement)
            case Unreadable(input_error=input_error):
                raise input_error
            case never:
                assert_never(never)

    async def execute_file(self, path: Word) -> None:
        """Execute the statements of a file, up to the first that fails.

        Raises:
            SourceError: If a statement fails.
            OSError: If the file can't be read.
            InputError: If nested source commands too deeply.
        """
        if self._depth >= limits.SHELL_SOURCES:
            reason = f"more than {limits.SHELL_SOURCES} nested source commands"
            raise InputError(reason, path.start, path.end)
        self._depth += 1
        try:
            await self._execute_file(path.value.text)
        finally:
            self._depth -= 1

    async def _execute_file(self, path: str) -> None:
        text = (await asyncio.to_thread(read_text, path)).removeprefix(BYTE_ORDER_MARK)
        for statement in split(text):
            try:
                await self.execute(statement)
            except (InputError, QMPError, OSError, SourceError) as error:
                place = f"{visible(path)}:{text.count(chr(10), 0, statement.start) + 1}"
                line = text.rfind("\n", 0, statement.start) + 1
                raise SourceError(place, text[line : statement.end], error, line) from error

    # --- Messages -------------------------------------------------------------------------------

    async def _message(self, word: Word) -> None:
        """Execute a command typed as a QMP message."""
        try:
            command = parse_command(parse_json(word.value), is_oob_enabled=True)
        except MessageError as error:
            start, end = word.start, min(word.end, word.start + _LONGEST_MARK)
            raise InputError(visible(str(error)), start, end, is_syntax=True) from None
        await self.session.execute(command.name, command.arguments, is_oob=command.is_oob)

    # --- Commands -------------------------------------------------------------------------------

    async def _command(self, line: Invocation) -> None:
        command, words = line.command, line.arguments
        name = command.value.text
        connection = self.session.connection
        connection.connected()
        vocabulary = connection.vocabulary
        # A script's command without arguments needs no schema: it doesn't wait for one.
        if words or self.session.settings.is_interactive:
            vocabulary = await connection.fetch_vocabulary()
        if vocabulary.is_known and name not in vocabulary.commands:
            raise _unknown(command, vocabulary)
        schema, arguments = await self._arguments(vocabulary, line)
        if line.is_oob and "oob" not in connection.connected().capabilities:
            reason = "this server doesn't support out-of-band execution"
            raise InputError(reason, command.start, command.end)
        self._warn(vocabulary, name)
        try:
            await self.session.execute(name, arguments, is_oob=line.is_oob)
        except CommandError as error:
            raise await self._placed(error, command, words, schema) from error

    async def _arguments(
        self, vocabulary: Vocabulary, line: Invocation
    ) -> tuple[Schema | None, JsonObject | None]:
        """Return the arguments of a command, and the schema that typed them."""
        words, schema = line.arguments, vocabulary.schema
        if schema is None:
            return None, read_untyped(words) if words else None
        command = vocabulary.commands[line.command.value.text]
        assert command is not None
        if words:
            schema, command = await self._with_properties(schema, command, typed_values(words))
        reader = self.reader(schema)
        return schema, reader.arguments(command, words, line.command.end) or None

    async def _with_properties(
        self, schema: Schema, command: CommandDefinition, values: Mapping[str, str]
    ) -> tuple[Schema, CommandDefinition]:
        """Return the schema and the command, extended by the properties of a device or object.

        Raises:
            QMPError: If the connection ends.
            TimeoutError: If there is no reply in time.
        """
        found: dict[PropertyQuery, JsonValue] = {}
        timeout = self.session.settings.timeout
        for query in property_queries(schema, command, values):
            try:
                found[query] = await self.session.connection.connected().execute(
                    query.command, query.arguments, timeout=timeout
                )
                break
            except CommandError:  # no such type: the next query may be for its alias
                continue
        return with_properties(schema, command, values, found.get)

    def _warn(self, vocabulary: Vocabulary, name: str) -> None:
        if vocabulary.has_feature(name, "deprecated") and name not in self._warned:
            self._warned.add(name)
            if self.session.settings.is_interactive:
                self.session.screen.note(f"{name} is deprecated")

    async def _placed(
        self,
        error: CommandError,
        command: Word,
        words: Sequence[Word],
        schema: Schema | None = None,
    ) -> Exception:
        """Return an InputError that marks the argument named in a server's error, or the error."""
        if error.error_class == "CommandNotFound":
            vocabulary = await self.session.connection.fetch_vocabulary()
            if vocabulary.is_known and command.value.text not in vocabulary.commands:
                return _unknown(command, vocabulary)
        missing = missing_property(error.desc) if schema is not None else ""
        if schema is not None and missing:
            hint = did_you_mean(missing, property_names(schema))
            for word in words:
                if word.name == missing:
                    return InputError(str(error), word.start, word.start + len(missing), hint)
                if word.value.text == missing:
                    return InputError(str(error), word.value.start, word.value.end, hint)
        places: dict[str, tuple[int, int]] = {}
        for word in words:
            if word.name is not None:
                for name in (word.name, word.name.rpartition(".")[2]):
                    places.setdefault(name, (word.start, word.start + len(word.name)))
            places.setdefault(word.value.text, (word.value.start, word.value.end))
        for found in _QUOTED.finditer(error.desc):
            if found[1] in places:
                return InputError(str(error), *places[found[1]])
        return error

    # --- Transactions ---------------------------------------------------------------------------

    async def _transaction(self, line: Transaction) -> None:
        if line.is_cancelled:
            self.session.screen.note("transaction cancelled")
            return
        statement = line.statement
        vocabulary = await self.session.connection.fetch_vocabulary()
        if vocabulary.is_known and "transaction" not in vocabulary.commands:
            raise _unknown(statement.words[0], vocabulary)
        schema = vocabulary.schema
        types = {} if schema is None else transaction_types(schema)
        properties: JsonObject = {}
        actions: list[JsonValue] = []
        for action in line.actions:
            name = action[0].value.text
            if name == "properties" and schema is not None:
                properties["properties"] = self._properties(schema, vocabulary, action)
            else:
                actions.append({"type": name, "data": self._action(schema, types, action)})
        if not actions:
            raise InputError("a transaction without actions", statement.start, statement.end)
        try:
            await self.session.execute("transaction", {"actions": actions, **properties})
        except CommandError as error:
            first, *words = statement.words
            raise await self._placed(error, first, words) from error

    def _action(
        self, schema: Schema | None, types: Mapping[str, str], words: Sequence[Word]
    ) -> JsonObject:
        if schema is None:
            return read_untyped(words[1:])
        name = words[0].value.text
        if name not in types:
            reason = qemu_texts.not_accepted("type", visible(name))
            hint = did_you_mean(name, types) or f"a transaction takes {', '.join(types)}"
            raise InputError(reason, words[0].start, words[0].end, hint)
        reader = self.reader(schema)
        return reader.members(types[name], words[1:], name, words[0].end)

    def _properties(
        self, schema: Schema, vocabulary: Vocabulary, words: Sequence[Word]
    ) -> JsonObject:
        command = vocabulary.commands["transaction"]
        assert command is not None
        known = members_of(schema, arguments_type(command), lambda _: None).members
        if "properties" not in known:
            reason = "this server's transactions have no properties"
            raise InputError(reason, words[0].start, words[0].end)
        of = known["properties"].type
        return self.reader(schema).members(of, words[1:], "properties", words[0].end)


def _unknown(word: Word, vocabulary: Vocabulary) -> InputError:
    name = word.value.text
    shown = visible(name if len(name) < 100 else f"{name[:100]}…")
    hint = did_you_mean(name, [*vocabulary.commands, *BUILTINS]) or "'help' lists the commands"
    return InputError(qemu_texts.unknown_command(shown), word.start, word.end, hint)


def _unclosed(statement: Statement) -> InputError:
    """Return the error for a statement that ends within a bracket, marking that bracket."""
    last = statement.words[-1].value
    bracket = last if not last.is_closed else statement.words[0].value  # transaction(
    end = bracket.end if last.is_closed else bracket.start + 1
    return InputError("a bracket isn't closed", bracket.start, end, is_syntax=True)
