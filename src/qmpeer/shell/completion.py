"""Completion of a text at the cursor, a pure function of its arguments."""

import re
from collections.abc import Sequence
from typing import Final, assert_never

import msgspec

from qmpeer.shell.argument_completion import Candidate, CompletionRequest, CompletionResult
from qmpeer.shell.builtins import BUILTINS, line_of, split
from qmpeer.shell.lines import (
    BuiltinLine,
    Invocation,
    Line,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.members import arguments_type, transaction_types
from qmpeer.shell.name_kinds import NameLookup, no_names
from qmpeer.shell.properties import PropertyAnswers, no_answers, typed_values, with_properties
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import Statement, Value, Word

_COMMENT: Final = re.compile(r"""(?:^|(?<=\s))#[^'"]*$""")


def complete(
    text: str,
    cursor: int,
    vocabulary: Vocabulary,
    names: NameLookup = no_names,
    answers: PropertyAnswers = no_answers,
) -> CompletionResult:
    """Return the completions of a text at the cursor.

    Args:
        text: The whole text.
        cursor: The cursor's offset.
        vocabulary: The server's commands and events.
        names: The names of objects on the server.
        answers: The server's answers about properties.

    Example:
        >>> found = complete("st", 2, Vocabulary(None, ["stop", "cont"]))
        >>> [item.text for item in found.candidates]
        ['stop ']
    """
    before = text[:cursor]
    statement = _last_statement(before)
    words = list(statement.words) if statement else []
    if statement is not None and statement.raw is not None:
        start = statement.words[0].end + 1  # behind a blank
        if not (statement.raw or before.endswith(" ")):
            return CompletionResult(cursor)
        current = Word(None, Value("plain", before[start:], start, cursor), start)
    else:
        begun = words.pop() if words and words[-1].end == cursor and _is_touching(before) else None
        current = begun or Word(None, Value("plain", "", cursor, cursor), cursor)
    if _is_in_comment(before, current) or (
        not current.value.is_closed and current.value.kind == "json"
    ):
        return CompletionResult(cursor)
    later = _words_behind(text, cursor, statement)
    request = CompletionRequest(vocabulary, names, answers, words, current, later)
    if statement is None or not words:
        return CompletionResult(cursor) if statement and statement.breaks else _first_word(request)
    rest = msgspec.structs.replace(statement, words=tuple(words), is_open=False, input_error=None)
    return _in_line(line_of(rest, vocabulary.commands), request)


def _is_touching(before: str) -> bool:
    return bool(before) and not before[-1].isspace()


def _is_in_comment(before: str, current: Word) -> bool:
    line = before.rfind("\n") + 1
    return current.value.text == "" and _COMMENT.search(before, line) is not None


def _last_statement(before: str) -> Statement | None:
    """Return the statement at the end of a text; None if a new statement begins there."""
    statements = split(before)
    if not statements:
        return None
    last = statements[-1]
    if "\n" in before[last.end :] and not last.is_open:
        return None
    return last


def _words_behind(text: str, cursor: int, statement: Statement | None) -> list[Word]:
    """Return the words of the same statement behind the cursor."""
    if cursor == len(text) or statement is None:
        return []
    line_end = text.find("\n", cursor)
    rest = text[cursor : line_end if line_end >= 0 else len(text)]
    start = len(rest) - len(rest.lstrip()) if not text[cursor].isspace() else 0
    if start == 0 and not text[cursor].isspace():
        rest = rest.partition(" ")[2]
    found = split(rest)
    return list(found[0].words) if found and found[0].raw is None else []


def _first_word(request: CompletionRequest) -> CompletionResult:
    """Complete the first word: a server's command or a built-in."""
    if request.current.value.kind != "plain":
        return CompletionResult(request.current.start)
    own = [word for word in BUILTINS.values() if word.name[0].isalpha()]
    items = (Candidate(f"{word.name} ".replace("( ", "("), word.about) for word in own)
    return request.offer([*request.commands(), *items])


def _in_line(line: Line, request: CompletionRequest) -> CompletionResult:
    """Complete behind the first word of a line."""
    match line:
        case BuiltinLine(word=word, words=words):
            return word.complete(msgspec.structs.replace(request, words=words))
        case Invocation(command=command, arguments=words):
            return _arguments(command.value.text, words, request)
        case Transaction():
            return _action(line.statement, request)
        case Messages() | Unfinished() | Unreadable():
            return CompletionResult(request.current.start)
        case never:
            assert_never(never)


def _arguments(name: str, words: Sequence[Word], request: CompletionRequest) -> CompletionResult:
    command, schema = request.vocabulary.commands.get(name), request.vocabulary.schema
    if command is None or schema is None:
        return CompletionResult(request.current.start)
    values = typed_values((*words, *request.later))
    schema, command = with_properties(schema, command, values, request.answers)
    return request.members(arguments_type(command), name, words, schema)


def _action(statement: Statement, request: CompletionRequest) -> CompletionResult:
    """Complete an action between the parentheses."""
    words, schema = statement.words, request.vocabulary.schema
    starts = [at for at in statement.breaks if at <= len(words)]
    action = words[max(starts, default=1) :]
    types = {} if schema is None else transaction_types(schema)
    if not action:
        items = [Candidate(f"{name} ", "action") for name in types]
        return request.offer(
            [*items, Candidate(") ", "send them"), Candidate("cancel", "discard them")]
        )
    name = action[0].value.text
    if name not in types:
        return CompletionResult(request.current.start)
    return request.members(types[name], name, action[1:])
