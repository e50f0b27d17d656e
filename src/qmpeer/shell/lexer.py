"""Colours of what is being typed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from qmpeer import limits

if TYPE_CHECKING:  # what the prompt can do without is imported when it is needed
    from qmpeer.shell.words import Statement

__all__ = ["LineLexer"]

_STYLES: Final = {"plain": "", "quoted": "ansigreen", "json": "ansicyan"}


class LineLexer(Lexer):
    """Colour commands, names, quoted text, JSON, comments and what can't be read."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return what gives each line in its pieces."""
        text = document.text
        if not text or len(text) > limits.SHELL_PASTE:
            return lambda number: [("", document.lines[number])]
        from qmpeer.shell.words import split

        styles = [""] * len(text)
        at = 0
        for statement in split(text):
            _mark(styles, at, statement.start, "ansibrightblack")
            _paint(styles, statement)
            at = statement.end
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def line_of(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            return _runs(document.lines[number], styles[starts[number] : starts[number + 1]])

        return line_of


def _paint(styles: list[str], statement: "Statement") -> None:
    if statement.raw is None:
        _mark(styles, statement.start, statement.end, "ansibrightblack")
    for number, word in enumerate(statement.words):
        if word.name is not None:
            _mark(styles, word.start, word.value.start, "ansiblue")
        is_command = word.name is None and word.value.kind == "plain"
        is_command = is_command and (number == 0 or number in statement.breaks)
        style = "bold" if is_command else _STYLES[word.value.kind]
        _mark(styles, word.value.start, word.end, style)
    if statement.mistake is not None and not statement.is_open:
        _mark(styles, statement.mistake.start, statement.mistake.end, "ansired")


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
