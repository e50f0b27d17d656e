r"""The division of a text into statements and words, each with its offsets.

A statement is a line, or several lines while a bracket is open. ``\`` at the end of a line
continues it, and ``#`` at the start of a word begins a comment. A word is ``name=value``,
``name:=text``, or a value alone. A value is one of:

- plain: it ends at a blank;
- quoted: in ``"`` or ``'``, with JSON's escapes;
- JSON: it begins with a bracket and ends at the closing one.

Quotes within a word have no meaning, so ``it's`` is a plain value. The arguments of a built-in may
have another form, its `Form`.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, Literal, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.shell.input_errors import InputError

Kind: TypeAlias = Literal["plain", "quoted", "json"]

BYTE_ORDER_MARK: Final = "\ufeff"
"""The mark that some editors put before the text of a file."""
_BLANKS: Final = re.compile(r"(?:[^\S\n]|\\\r?\n)*")
_COMMENT: Final = re.compile(r"#[^\n]*")
_HEAD: Final = re.compile(r"[^\s=]*")
_PLAIN: Final = re.compile(r"\S*")
_LINE: Final = re.compile(r"[^\n]*")
_STRING: Final = re.compile(
    r'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*"|' + r"'[^'\\\n]*+(?:\\[^\n][^'\\\n]*+)*'"
)
_OPEN_STRING: Final = re.compile(r"""["'][^\n]*""")
_STRUCTURE: Final = re.compile(r"""["'{}\[\]#]""")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.S)
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Form(Enum):
    """The form of a built-in's arguments."""

    WORDS = "words"
    PATTERN = "regular expressions, in which brackets and equals signs are ordinary characters"
    TEXT = "the rest of the line, unchanged"
    COMMAND = "a command and its arguments"
    OOB_COMMAND = "a command to execute out of band, and its arguments"
    BLOCK = "one action a line, up to )"


class Value(msgspec.Struct, frozen=True, gc=False):
    """A typed value.

    Attributes:
        kind: Plain, quoted or JSON.
        text: The value without quotes and escapes; JSON with blanks in place of comments.
        start: Offset of the value in the text.
        end: Offset of its end.
        is_closed: False if its bracket or quote isn't closed.
    """

    kind: Kind
    text: str
    start: int
    end: int
    is_closed: bool = True


class Word(msgspec.Struct, frozen=True):
    """A word with its offsets.

    Attributes:
        name: The text before the equals sign; None if there is no equals sign.
        value: The value behind the equals sign, or the whole word.
        start: Offset of the word in the text.
        is_text: True for ``name:=value``, whose value is text.
    """

    name: str | None
    value: Value
    start: int
    is_text: bool = False

    @property
    def end(self) -> int:
        """Offset of the word's end in the text."""
        return self.value.end


class Statement(msgspec.Struct, frozen=True):
    """A statement, divided into words.

    Attributes:
        words: Its words.
        start: Offset of the statement in the text.
        end: Offset of its end.
        breaks: In a block, the indexes of the words that follow a line break or ";".
        raw: The text behind a built-in of the form TEXT; None for other statements.
        is_open: True if a bracket is open, so that the next line may continue the statement.
        input_error: The first error, or None.
    """

    words: tuple[Word, ...]
    start: int
    end: int
    breaks: frozenset[int] = frozenset()
    raw: str | None = None
    is_open: bool = False
    input_error: InputError | None = None


def split(text: str, forms: Mapping[str, Form]) -> list[Statement]:
    r"""Divide a text into statements.

    Args:
        text: The text.
        forms: The forms of built-ins by name. A name that ends with a sign, such as ``!``, needs
            no blank behind it.

    Example:
        >>> [[word.value.text for word in found.words] for found in split("stop # now\ncont", {})]
        [['stop'], ['cont']]
        >>> split('blockdev-add {"driver":', {})[0].is_open
        True
    """
    signs = [name for name in forms if not name[-1].isalnum()]
    statements = []
    position = 0
    while (position := _skip(text, position)) < len(text):
        statement = _Scanner(text, position, forms, signs).statement()
        statements.append(statement)
        position = max(statement.end, position + 1)
    return statements


def _skip(text: str, position: int) -> int:
    """Skip blanks, comments and empty lines."""
    while True:
        before = position
        position = _blanks(text, position)
        if text.startswith("#", position):
            position = _end(_COMMENT, text, position)
        if text.startswith("\n", position):
            position += 1
        if position == before:
            return position


def _end(pattern: "re.Pattern[str]", text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _blanks(text: str, position: int) -> int:
    return _end(_BLANKS, text, position)


class _Scanner:
    """A scanner for one statement."""

    def __init__(
        self, text: str, start: int, forms: Mapping[str, Form], signs: Sequence[str]
    ) -> None:
        self._text = text
        self._start = start
        self._at = start
        self._forms = forms
        self._signs = signs
        self._input_error: InputError | None = None

    def statement(self) -> Statement:
        text = self._text
        first = self._first()
        is_plain = first.name is None and first.value.kind == "plain"
        form = self._forms.get(first.value.text) if is_plain else None
        if form is Form.TEXT:
            end = _end(_LINE, text, first.end)
            return Statement((first,), self._start, end, raw=text[first.end : end].strip())
        if form is Form.BLOCK:
            return self._block(first)
        words = [first]
        is_open = not first.value.is_closed
        while self._input_error is None and not is_open:
            self._at = _blanks(text, self._at)
            if self._at >= len(text) or text[self._at] in "\n#":
                break
            words.append(self._pattern() if form is Form.PATTERN else self._word())
            is_open = not words[-1].value.is_closed
        if self._at < len(text) and text[self._at] == "#":
            self._at = _end(_COMMENT, text, self._at)
        return self._statement(words, is_open)

    def _statement(
        self, words: Sequence[Word], is_open: bool, breaks: frozenset[int] = frozenset()
    ) -> Statement:
        self._skip_rest_of_line()
        is_open = is_open and self._input_error is None
        return Statement(
            tuple(words),
            self._start,
            self._at,
            breaks,
            is_open=is_open,
            input_error=self._input_error,
        )

    def _first(self) -> Word:
        """Scan the first word; a built-in that is a sign ends there, even without a blank."""
        start = self._at
        for sign in self._signs:
            if self._text.startswith(sign, start):
                self._at = start + len(sign)
                return Word(None, Value("plain", sign, start, self._at), start)
        return self._word()

    def _skip_rest_of_line(self) -> None:
        """Skip the rest of a line with an error, so that it isn't scanned as another statement."""
        if self._input_error is not None:
            self._at = max(self._at, _end(_LINE, self._text, self._at))

    def _block(self, first: Word) -> Statement:
        """Scan up to the closing parenthesis, or a line with ``cancel``."""
        text = self._text
        words = [first]
        breaks: set[int] = {1}
        is_open = True
        while is_open and self._input_error is None:
            self._at = _blanks(text, self._at)
            if text.startswith("#", self._at):
                self._at = _end(_COMMENT, text, self._at)
            if self._at >= len(text):
                break
            if text[self._at] in "\n;":
                self._at += 1
                breaks.add(len(words))
                continue
            words.append(self._word())
            content = words[-1].value.text
            if not words[-1].value.is_closed:
                break
            if words[-1].name is None and words[-1].value.kind == "plain":
                is_open = content != ")" and not (
                    content == "cancel" and len(words) - 1 in breaks and self._ends_line()
                )
        return self._statement(words, is_open, frozenset(breaks))

    def _ends_line(self) -> bool:
        after = _blanks(self._text, self._at)
        return after >= len(self._text) or self._text[after] == "\n"

    # --- Words ----------------------------------------------------------------------------------

    def _word(self) -> Word:
        text, start = self._text, self._at
        if text[start] in "{[\"'":
            return Word(None, self._value(False), start)
        at = _end(_HEAD, text, start)
        if not text.startswith("=", at):
            self._at = at
            return Word(None, Value("plain", text[start:at], start, at), start)
        name = text[start:at]
        is_text = name.endswith(":")
        self._at = at + 1
        return Word(name.removesuffix(":"), self._value(is_text), start, is_text)

    def _pattern(self) -> Word:
        """Scan a regular expression, in which brackets and equals signs are ordinary."""
        start = self._at
        return Word(None, self._value(is_text=True), start)

    def _value(self, is_text: bool) -> Value:
        text, start = self._text, self._at
        char = text[start : start + 1]
        if char in ('"', "'"):
            return self._quoted(start)
        if char in ("{", "[") and not is_text:
            return self._json(start)
        self._at = _end(_PLAIN, text, start)
        return Value("plain", text[start : self._at], start, self._at)

    def _quoted(self, start: int) -> Value:
        found = _STRING.match(self._text, start)
        if found is None:
            end = self._at = _end(_OPEN_STRING, self._text, start)
            self._fail(f"the quote {self._text[start]} isn't closed", start, end)
            return Value("quoted", self._text[start + 1 : end], start, end, False)
        end = self._at = found.end()
        content = self._unescaped(start + 1, end - 1)
        self._must_end("quote")
        return Value("quoted", content, start, end)

    def _unescaped(self, start: int, end: int) -> str:
        body = self._text[start:end]
        if "\\" not in body:
            return body

        def replace(found: "re.Match[str]") -> str:
            escape = found[1]
            if escape[0] == "u" and len(escape) == 5:
                return chr(int(escape[1:], 16))
            if escape in _SHORT:
                return _SHORT[escape]
            if escape not in "\"'\\/":
                at = start + found.start()
                reason = f"found \\{escape}, expected an escape of JSON, or \\\\ for a backslash"
                self._fail(reason, at, at + 2)
            return escape

        content = _ESCAPE.sub(replace, body)
        try:
            return content.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self._fail("found half a surrogate pair, expected both halves", start, end)
            return content

    def _json(self, start: int) -> Value:
        text, depth, at = self._text, 0, start
        comments: list[tuple[int, int]] = []
        while True:
            found = _STRUCTURE.search(text, at)
            if found is None:
                self._at = len(text)
                content = _blanked(text, start, self._at, comments)
                return Value("json", content, start, self._at, False)
            char, at = found[0], found.end()
            if char in "{[":
                depth += 1
                if depth > limits.NESTING:
                    self._at = at
                    self._fail(
                        f"found {depth} levels, expected at most {limits.NESTING}", start, at
                    )
                    return Value("json", text[start:at], start, at)
            elif char in "}]":
                depth -= 1
                if depth == 0:
                    break
            elif char == "#":
                end = _end(_COMMENT, text, found.start())
                comments.append((found.start(), end))
                at = end
            elif string := _STRING.match(text, found.start()):
                at = string.end()
            else:
                end = self._at = _end(_OPEN_STRING, text, found.start())
                self._fail(f"the quote {char} isn't closed", found.start(), end)
                return Value("json", text[start:end], start, end, False)
        self._at = at
        self._must_end("bracket")
        return Value("json", _blanked(text, start, at, comments), start, at)

    def _must_end(self, what: str) -> None:
        text, at = self._text, self._at
        if at >= len(text) or text[at] in "#;" or text[at].isspace():
            return
        end = _end(_PLAIN, text, at)
        found = text[at : min(end, at + 20)]
        self._fail(f"found {found!r} right behind a {what}, expected a blank", at, end)

    def _fail(self, reason: str, start: int, end: int) -> None:
        if self._input_error is None:
            self._input_error = InputError(reason, start, end, is_syntax=True)


def _blanked(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> str:
    """Return a part of a text with blanks in place of comments, so that offsets stay valid."""
    if not spans:
        return text[start:end]
    parts, at = [], start
    for begin, finish in spans:
        parts += [text[at:begin], " " * (min(finish, end) - begin)]
        at = finish
    return "".join([*parts, text[at:end]])
