"""Colours for the line that is being typed."""

from collections.abc import Callable, Collection
from typing import Final, assert_never

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from qmpeer import limits
from qmpeer.shell.builtins import line_of, split
from qmpeer.shell.lines import (
    BuiltinLine,
    Invocation,
    Line,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.words import Form, Statement

_STYLES: Final = {"plain": "", "quoted": "ansigreen", "json": "ansicyan"}


class LineLexer(Lexer):
    """A lexer that colours commands, names, quoted text, JSON, comments and errors."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function that returns the styled pieces of a line by its number."""
        text = document.text
        if not text or len(text) > limits.SHELL_PASTE:
            return lambda number: [("", document.lines[number])]
        styles = [""] * len(text)
        at = 0
        for statement in split(text):
            _mark(styles, at, statement.start, "ansibrightblack")
            _paint(styles, line_of(statement))
            at = statement.end
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def pieces_of(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            return _runs(document.lines[number], styles[starts[number] : starts[number + 1]])

        return pieces_of


def _paint(styles: list[str], line: Line) -> None:
    match line:
        case BuiltinLine(word=word, statement=statement) if word.form is Form.TEXT:
            _mark(styles, statement.start, statement.words[0].end, "bold")
        case BuiltinLine(statement=statement) | Invocation(statement=statement):
            _paint_words(styles, statement, {0})
        case Transaction(statement=statement):
            _paint_words(styles, statement, {0, *statement.breaks})
        case Messages(statement=statement):
            _paint_words(styles, statement, set())
        case Unfinished(begun=begun):
            _paint(styles, begun)
        case Unreadable(statement=statement, begun=begun, input_error=input_error):
            if begun is None:
                _paint_words(styles, statement, set())
            else:
                _paint(styles, begun)
            if not line.lacks_command:  # the user may still type one before it
                _mark(styles, input_error.start, input_error.end, "ansired")
        case never:
            assert_never(never)


def _paint_words(styles: list[str], statement: Statement, commands: Collection[int]) -> None:
    """Colour the words of a statement; `commands` holds the indexes of the command names."""
    _mark(styles, statement.start, statement.end, "ansibrightblack")
    for number, word in enumerate(statement.words):
        if word.name is not None:
            _mark(styles, word.start, word.value.start, "ansiblue")
        is_command = number in commands and word.name is None and word.value.kind == "plain"
        style = "bold" if is_command else _STYLES[word.value.kind]
        _mark(styles, word.value.start, word.end, style)


def _mark(styles: list[str], start: int, end: int, style: str) -> None:
    end = min(end, len(styles))
    if start < end:
        styles[start:end] = [style] * (end - start)


def _runs(line: str, styles: list[str]) -> StyleAndTextTuples:
    found: StyleAndTextTuples = []
    start = 0
    for at in range(1, len(line) + 1):
        if at == len(line) or styles[at] != styles[start]:
            found.append((styles[start], line[start:at]))
            start = at
    return found
