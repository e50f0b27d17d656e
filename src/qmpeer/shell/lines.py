"""The six kinds of typed lines, and the only place that tells them apart.

A line is one of these: messages as on the wire, a command, a transaction, a built-in, an unfinished
line with an open bracket, or a line that can't be read. Execution, completion, colouring and
history match on these classes.

A built-in is described by one record, a `Builtin`; all records are in `qmpeer.shell.builtins`.
"""

import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Protocol, TypeAlias, Union

import msgspec

from qmpeer.display.safe_text import visible
from qmpeer.schema import Schema
from qmpeer.shell.argument_completion import CompletionRequest, CompletionResult
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.session import Session
from qmpeer.shell.typed_arguments import ArgumentReader
from qmpeer.shell.words import Form, Statement, Word


class BuiltinContext(Protocol):
    """The part of the executor that built-ins use.

    Attributes:
        session: The session.
    """

    session: Session

    def reader(self, schema: Schema) -> ArgumentReader:
        """Return an argument reader for a schema."""
        ...

    async def execute_file(self, path: Word) -> None:
        """Execute the statements of a file, up to the first that fails.

        Raises:
            SourceError: If a statement fails.
            OSError: If the file can't be read.
            InputError: If nested source commands too deeply.
        """


class HistoryRule(Enum):
    """The part of a built-in's arguments that history may store."""

    ARGUMENTS = "all except values that are named like a secret"
    NAME = "the first word, unless it is named like a secret"
    FILE = "the first word, if it looks like a file's name"
    TEXT = "the text, without words that look like a password"
    HUMAN_LINE = "a line for the human monitor, without its secrets"
    NOTHING = "nothing, as the arguments are secret"


def no_completions(request: CompletionRequest) -> CompletionResult:
    """Return no completions."""
    return CompletionResult(request.current.end)


class Builtin(msgspec.Struct, frozen=True):
    """A built-in command of the shell.

    Attributes:
        name: The word that the line begins with.
        about: Its purpose in a few words.
        usage: The text that ``help`` shows.
        run: Executes a line; None if `form` makes the line one of another kind.
        form: The form of its arguments.
        history_rule: The part of its arguments that history may store.
        complete: Completes its arguments.
    """

    name: str
    about: str
    usage: str
    run: Callable[[BuiltinContext, "BuiltinLine"], Awaitable[None]] | None
    form: Form = Form.WORDS
    history_rule: HistoryRule = HistoryRule.ARGUMENTS
    complete: Callable[[CompletionRequest], CompletionResult] = no_completions


class Messages(msgspec.Struct, frozen=True):
    """A line of QMP messages, one for each word."""

    statement: Statement


class Invocation(msgspec.Struct, frozen=True):
    """A line with a command of the server.

    Attributes:
        statement: The statement.
        command: The word with the command's name.
        arguments: The words behind it.
        is_oob: True for execution out of band.
    """

    statement: Statement
    command: Word
    arguments: Sequence[Word]
    is_oob: bool = False


class Transaction(msgspec.Struct, frozen=True):
    """A transaction in parentheses.

    Attributes:
        statement: The statement.
        actions: The words of each action.
        is_cancelled: True if it ends with ``cancel`` instead of a parenthesis.
    """

    statement: Statement
    actions: Sequence[Sequence[Word]]
    is_cancelled: bool


class BuiltinLine(msgspec.Struct, frozen=True):
    """A line with a built-in.

    Attributes:
        statement: The statement.
        word: The built-in.
        words: The words behind its name.
    """

    statement: Statement
    word: Builtin
    words: Sequence[Word]

    @property
    def text(self) -> str:
        """The text behind the name, if the built-in's form is TEXT."""
        return self.statement.raw or ""

    def only_word(self, what: str) -> Word:
        """Return the only argument.

        Args:
            what: A description of the argument, for the error message.

        Raises:
            InputError: If there is no argument, or more than one.
        """
        words, end = self.words, self.statement.end
        if not words:
            raise InputError(f"expected {what}", end, end, is_syntax=True)
        if len(words) > 1:
            raise InputError("one word too many", words[1].start, words[-1].end, is_syntax=True)
        return words[0]


class Unfinished(msgspec.Struct, frozen=True):
    """A line with an open bracket, which the next line may continue.

    Attributes:
        statement: The statement.
        begun: The line so far.
    """

    statement: Statement
    begun: "Line"


class Unreadable(msgspec.Struct, frozen=True):
    """A line that can't be read.

    Attributes:
        statement: The statement, divided into words up to the error.
        input_error: The error.
        begun: The line up to the error; None if it doesn't begin with a command.
    """

    statement: Statement
    input_error: InputError
    begun: "Line | None"

    @property
    def lacks_command(self) -> bool:
        """True if the only error is that no command comes first."""
        return self.begun is None and self.statement.input_error is None


Line: TypeAlias = Union[Messages, Invocation, Transaction, BuiltinLine, Unfinished, Unreadable]


def read_line(
    statement: Statement, builtins: Mapping[str, Builtin], commands: Collection[str]
) -> Line:
    """Return the kind of line that a statement is.

    Args:
        statement: The statement.
        builtins: The built-ins by name.
        commands: The known names of the server's commands. A name that is among them and among
            the built-ins means the server's command.
    """
    line = _read(statement, builtins, commands)
    if statement.input_error is not None:
        begun = None if isinstance(line, Unreadable) else line
        return Unreadable(statement, statement.input_error, begun)
    return Unfinished(statement, line) if statement.is_open else line


def _read(statement: Statement, builtins: Mapping[str, Builtin], commands: Collection[str]) -> Line:
    """Return the kind of line, ignoring errors and open brackets behind the first word."""
    first, *words = statement.words
    if first.name is None and first.value.kind == "json":
        return _messages(statement)
    if first.name is not None or first.value.kind == "quoted":
        reason = f"found {visible(first.value.text[:40])!r}, expected a command first"
        input_error = InputError(reason, first.start, first.end, is_syntax=True)
        return Unreadable(statement, input_error, None)
    word = builtins.get(first.value.text)
    if word is None:
        return Invocation(statement, first, words)
    match word.form:
        case Form.BLOCK:
            return _transaction(statement)
        case Form.TEXT:
            return BuiltinLine(statement, word, words)
        case _ if word.name in commands:
            return Invocation(statement, first, words)
        case Form.COMMAND | Form.OOB_COMMAND if words:
            is_oob = word.form is Form.OOB_COMMAND
            return Invocation(statement, words[0], words[1:], is_oob)
        case _:
            return BuiltinLine(statement, word, words)


def _messages(statement: Statement) -> Messages | Unreadable:
    for word in statement.words:
        if word.name is not None or word.value.kind != "json":
            reason = f"found {visible(word.value.text[:40])!r}, expected a command as JSON"
            input_error = InputError(reason, word.start, word.end, is_syntax=True)
            return Unreadable(statement, input_error, Messages(statement))
    return Messages(statement)


def _transaction(statement: Statement) -> Transaction:
    words = statement.words
    last = words[-1]
    is_cancelled = last.name is None and last.value.text == "cancel"
    if not statement.is_open and statement.input_error is None:
        words = words[:-1]  # the parenthesis, or cancel
    bounds = sorted({*filter(len(words).__gt__, statement.breaks), len(words)})
    actions = [words[start:end] for start, end in itertools.pairwise(bounds)]
    return Transaction(statement, actions, is_cancelled)
