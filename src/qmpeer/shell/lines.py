"""What a typed line is: decided here, and nowhere else.

A line is one of these: messages as they stand on the wire, a command, a transaction, a word of the
shell's own, the beginning of one of them whose bracket isn't closed yet, or a mistake. What
executes, completes, colours or keeps lines matches on them, and says of each kind what it does.

What there is to know of a word of the shell's own stands in one record, a `Builtin`; all of them
are in `qmpeer.shell.builtins`.
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
    """What executes lines, as far as a word of the shell's own needs it.

    Attributes:
        session: The session.
    """

    session: Session

    def reader(self, schema: Schema) -> ArgumentReader:
        """Return what reads values by a schema."""
        ...

    async def execute_file(self, path: Word) -> None:
        """Execute the lines of a file, up to the first that fails.

        Raises:
            SourceError: If one fails.
            OSError: If the file can't be read.
            InputError: If too many files execute one another.
        """


class HistoryRule(Enum):
    """What history may keep of that which stands behind a word of the shell's own."""

    ARGUMENTS = "all but what is called like a secret"
    NAME = "the first word, unless it is called like a secret"
    FILE = "the first word, if it looks like a file's name"
    TEXT = "a text without what looks like a password in it"
    HUMAN_LINE = "a line for the human monitor, without its secrets"
    NOTHING = "nothing: it is a secret"


def no_completions(request: CompletionRequest) -> CompletionResult:
    """Return that nothing is known of how a line can go on."""
    return CompletionResult(request.current.end)


class Builtin(msgspec.Struct, frozen=True):
    """A word of the shell's own: all that there is to know of it.

    Attributes:
        name: The word.
        about: What it is for, in a few words.
        usage: What ``help`` says of it.
        run: Executes a line that begins with it; None if `form` makes its lines another kind.
        form: What follows it.
        history_rule: What history may keep of a line that begins with it.
        complete: Completes what stands behind it.
    """

    name: str
    about: str
    usage: str
    run: Callable[[BuiltinContext, "OwnLine"], Awaitable[None]] | None
    form: Form = Form.WORDS
    history_rule: HistoryRule = HistoryRule.ARGUMENTS
    complete: Callable[[CompletionRequest], CompletionResult] = no_completions


class Messages(msgspec.Struct, frozen=True):
    """Commands as they stand on the wire, one a word."""

    statement: Statement


class Invocation(msgspec.Struct, frozen=True):
    """A command of the server.

    Attributes:
        statement: The statement.
        command: The command's name.
        arguments: The words behind it.
        is_oob: It is executed out of band.
    """

    statement: Statement
    command: Word
    arguments: Sequence[Word]
    is_oob: bool = False


class Transaction(msgspec.Struct, frozen=True):
    """A transaction.

    Attributes:
        statement: The statement.
        actions: The words of each action.
        is_cancelled: It ends with cancel, not with a parenthesis.
    """

    statement: Statement
    actions: Sequence[Sequence[Word]]
    is_cancelled: bool


class BuiltinLine(msgspec.Struct, frozen=True):
    """A line of the shell's own.

    Attributes:
        statement: The statement.
        word: The word that it begins with.
        words: The words behind that.
    """

    statement: Statement
    word: Builtin
    words: Sequence[Word]

    @property
    def text(self) -> str:
        """What stands behind the word, where that takes text."""
        return self.statement.raw or ""

    def only_word(self, what: str) -> Word:
        """Return the one word that there may be.

        Args:
            what: What it says, for the message.

        Raises:
            InputError: If there is none, or another one.
        """
        words, end = self.words, self.statement.end
        if not words:
            raise InputError(f"expected {what}", end, end, is_syntax=True)
        if len(words) > 1:
            raise InputError("one word too many", words[1].start, words[-1].end, is_syntax=True)
        return words[0]


class Unfinished(msgspec.Struct, frozen=True):
    """A line that may go on: a bracket is open.

    Attributes:
        statement: The statement.
        begun: What it is so far.
    """

    statement: Statement
    begun: "Line"


class Unreadable(msgspec.Struct, frozen=True):
    """A mistake: a line that is none of the others.

    Attributes:
        statement: The statement, as far as it divides into words.
        input_error: What can't be read.
        begun: What the line is up to there; None if no command stands first.
    """

    statement: Statement
    input_error: InputError
    begun: "Line | None"

    @property
    def lacks_command(self) -> bool:
        """It divides into words, but no command stands first."""
        return self.begun is None and self.statement.input_error is None


Line: TypeAlias = Union[Messages, Invocation, Transaction, BuiltinLine, Unfinished, Unreadable]


def read_line(
    statement: Statement, builtins: Mapping[str, Builtin], commands: Collection[str]
) -> Line:
    """Return what a statement is.

    Args:
        statement: The statement.
        builtins: The words of the shell's own.
        commands: The names of the server's commands, as far as they are known; a word of the
            shell's own that is among them is the server's.
    """
    line = _read(statement, builtins, commands)
    if statement.input_error is not None:
        begun = None if isinstance(line, Unreadable) else line
        return Unreadable(statement, statement.input_error, begun)
    return Unfinished(statement, line) if statement.is_open else line


def _read(statement: Statement, builtins: Mapping[str, Builtin], commands: Collection[str]) -> Line:
    """Return what a statement is, as far as it can be read."""
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
