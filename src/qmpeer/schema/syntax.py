"""The parser of the QAPI syntax, which finds the expressions and doc comments of one file.

A file is a sequence of objects in a JSON dialect. Strings are in single quotes and consist of
printable ASCII; the only escape is a doubled backslash. There are true and false, but no numbers
and no null. Comments begin with # and end with the line. A comment between two lines of ## is a doc
comment. Up to 2.8 QEMU didn't parse these, so one of the two lines may be missing.

[Up to 1.5 a comma could be missing, or follow the last item. This is accepted in files of that
time, recognised by a definition of a 'type'. From 2.4 to 3.1 strings had JSON's escapes; those for
printable characters are accepted. Strict parsing accepts none of these.]

An error ends its expression. Parsing resumes at the next brace at the beginning of a line, with the
doc comment before it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn, TypeAlias

from qmpeer import limits
from qmpeer.schema.source_files import Problems, SourceFile, SourcePlace, TooManyErrors

# Each group is one kind of token, in the order of the constants below. A doc comment begins only
# after white space, and its closing ## is a group of its own.
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*+(?:
        ([{}\[\],:])
      | '([^'\\\n]*+)'
      | (?<![^ \t\r\n])(\#\#[ \t\r]*\n
          (?:[ \t\r\n]*+\#(?!\#[ \t\r]*$)[^\n]*+\n)*
        )([ \t\r\n]*+\#\#[ \t\r]*$)?
      | (\#[^\n]*+)
      | ('[^'\\\n]*+(?:\\[^\n][^'\\\n]*+)*')
      | (true|false)\b
      | (\Z)
      | ('[^\n]*+|[A-Za-z_0-9-]++|[^][{},:'\#A-Za-z_0-9\s-]++|.)
    )""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
# No group is possessive, because of a bug in Python before 3.11.5. A file's size bounds their
# repeats.
_PUNCTUATION, _PLAIN, _DOC, _DOC_END, _COMMENT, _ESCAPED, _BOOLEAN, _END, _WRONG = range(1, 10)
_RESUME: Final = re.compile(r"^(?:\{|[ \t]*+##[ \t\r]*$)", re.MULTILINE)
_ESCAPE: Final = re.compile(r"\\(u00[2-7][0-9A-Fa-f]|.)")
_OLD_ESCAPES: Final = ("'", '"', "/")
_OLD_TYPE: Final = re.compile(r"^\{ *'type'", re.MULTILINE)
_NOT_PRINTABLE: Final = re.compile(r"[^ -~]")
_NO_OFFSETS: Final[dict[str, int]] = {}


class ObjectNode(dict[str, "Node"]):
    """An object; `keys_at` and `values_at` are the offsets of its keys and values, by key."""

    __slots__ = ("keys_at", "offset", "values_at")

    def __init__(self, offset: int) -> None:
        self.offset: int = offset
        self.keys_at: dict[str, int] = _NO_OFFSETS
        self.values_at: dict[str, int] = _NO_OFFSETS


class ArrayNode(list["Node"]):
    """An array; `items_at` are the offsets of its items."""

    __slots__ = ("items_at",)

    def __init__(self) -> None:
        self.items_at: list[int] = []


Node: TypeAlias = ObjectNode | ArrayNode | str | bool


class Comment(NamedTuple):
    """The text of a doc comment.

    Attributes:
        offset: Its beginning in the file.
        text: Its lines as they are in the file, without the closing ##.
        is_closed: True if it had a closing ##.
    """

    offset: int
    text: str
    is_closed: bool


class _Token(NamedTuple):
    kind: int
    text: str
    offset: int


class _Unreadable(Exception):
    """Raised to abandon an expression; its error has been recorded."""


def read_file(
    source: SourceFile, problems: Problems, count: Iterator[int], is_strict: bool = False
) -> Iterator[ObjectNode | Comment | None]:
    """Yield the expressions and doc comments of a file, in their order.

    None stands for an expression that can't be parsed.

    Args:
        source: The file.
        problems: Collects the errors.
        count: A counter of the values in all files.
        is_strict: Accept no syntax of older releases.
    """
    return _Parser(source, problems, count, is_strict).items()


class _Parser:
    """A recursive descent parser with one token of lookahead."""

    def __init__(
        self, source: SourceFile, problems: Problems, count: Iterator[int], is_strict: bool
    ) -> None:
        self._source = source
        self._problems = problems
        self._count = count
        self._is_strict = is_strict
        self._has_old_types: bool | None = None
        self._position = 0
        self._tokens = self._scan()
        self._token = next(self._tokens)

    def items(self) -> Iterator[ObjectNode | Comment | None]:
        while self._token.kind != _END:
            token = self._token
            if token.kind in (_DOC, _DOC_END):
                yield _comment(token)
                self._after()
                continue
            try:
                if token.text != "{" or token.kind != _PUNCTUATION:
                    self._fail(f"found {_described(token)}, expected '{{' or a doc comment")
                yield self._object(1)
            except _Unreadable:
                yield None
                comment = self._resume()
                if comment:
                    yield comment

    # --- Tokens ---------------------------------------------------------------------------------

    def _scan(self) -> Iterator[_Token]:
        text, match = self._source.text, _TOKEN.match
        while True:
            found = match(text, self._position)
            assert found is not None
            kind = found.lastindex or 0
            self._position = found.end()
            if kind == _COMMENT:
                if self._is_strict and found[kind].startswith("##"):
                    place = SourcePlace(self._source, found.start(kind))
                    self._problems.syntax(place, "found text after '##', expected the line's end")
                continue
            if kind == _DOC_END:
                yield _Token(kind, found[_DOC], found.start(_DOC))
                continue
            yield _Token(kind, found[kind], found.start(kind) - (kind == _PLAIN))
            if kind == _END:
                return

    def _fail(self, reason: str, offset: int | None = None) -> NoReturn:
        if offset is None:
            offset = self._token.offset
            if self._token.kind in (_DOC, _DOC_END):
                reason = "found a doc comment inside an expression"
        self._problems.syntax(SourcePlace(self._source, offset), reason)
        raise _Unreadable

    def _resume(self) -> Comment | None:
        """Skip to the next brace that may begin an expression.

        Returns:
            The doc comment directly before it.
        """
        text, first, comment = self._source.text, self._token.offset, None
        while self._token.kind != _END:
            kind, word, offset = self._token
            is_brace = kind == _PUNCTUATION and word == "{"
            if is_brace and offset > first and text[offset - 1] == "\n":
                return comment
            comment = None
            if kind in (_DOC, _DOC_END):
                comment = _comment(self._token)
            else:
                found = _RESUME.search(text, self._position)
                self._position = found.start() if found else len(text)
            self._after()
        return None

    def _next(self) -> _Token:
        """Move to the next token within an expression, and return it."""
        self._token = next(self._tokens)
        return self._token

    def _after(self) -> None:
        """Move past a value or a comment."""
        self._token = next(self._tokens)

    # --- Values ---------------------------------------------------------------------------------

    def _object(self, level: int) -> ObjectNode:
        node = ObjectNode(self._token.offset)
        token = self._next()
        if token.text == "}" and token.kind == _PUNCTUATION:
            self._after()
            return node
        node.keys_at, node.values_at = {}, {}
        while True:
            offset = self._token.offset
            if self._token.kind not in (_PLAIN, _ESCAPED):
                expected = "a string" if node else "a string or '}'"
                self._fail(f"found {_described(self._token)}, expected {expected}")
            key = self._string()
            if self._token.text != ":" or self._token.kind != _PUNCTUATION:
                self._fail(f"found {_described(self._token)}, expected ':'")
            value_offset = self._next().offset
            if key in node:
                place = SourcePlace(self._source, offset)
                self._problems.semantic(place, f"duplicate key {key!r}")
            node[key] = self._value(level)
            node.keys_at[key] = offset
            node.values_at[key] = value_offset
            if self._ends("}"):
                return node

    def _array(self, level: int) -> ArrayNode:
        node = ArrayNode()
        token = self._next()
        if token.text == "]" and token.kind == _PUNCTUATION:
            self._after()
            return node
        while True:
            node.items_at.append(self._token.offset)
            node.append(self._value(level))
            if self._ends("]"):
                return node

    def _ends(self, closing: str) -> bool:
        kind, text, _ = self._token
        if kind == _PUNCTUATION and text == closing:
            self._after()
            return True
        if kind == _PUNCTUATION and text == ",":
            kind, text, _ = self._next()
            if kind == _PUNCTUATION and text == closing and self._is_loose():
                self._after()
                return True
        elif kind not in (_PLAIN, _ESCAPED) or not self._is_loose():
            self._fail(f"found {_described(self._token)}, expected ',' or '{closing}'")
        return False

    def _is_loose(self) -> bool:
        """Return True if missing and trailing commas are accepted in this file."""
        if self._has_old_types is None:
            self._has_old_types = bool(_OLD_TYPE.search(self._source.text))
        return self._has_old_types and not self._is_strict

    def _value(self, level: int) -> Node:
        kind, text, offset = self._token
        if next(self._count) > limits.SCHEMA_VALUES:
            reason = f"the schema is too large, expected at most {limits.SCHEMA_VALUES} values"
            self._problems.syntax(SourcePlace(self._source, offset), reason)
            raise TooManyErrors
        if kind in (_PLAIN, _ESCAPED):
            return self._string()
        if kind == _BOOLEAN:
            self._after()
            return text == "true"
        if kind == _PUNCTUATION and text in "{[":
            if level >= limits.SCHEMA_LEVELS:
                self._fail(
                    f"braces and brackets are nested more than {limits.SCHEMA_LEVELS} levels deep"
                )
            return self._object(level + 1) if text == "{" else self._array(level + 1)
        return self._fail(f"found {_described(self._token)}, expected a value")

    def _string(self) -> str:
        kind, text, offset = self._token
        if kind == _ESCAPED:
            text = _ESCAPE.sub(self._unescaped, text[1:-1])
        wrong = _NOT_PRINTABLE.search(text)
        if wrong:
            reason = f"a string contains {wrong[0]!a}, expected printable ASCII"
            self._fail(reason, offset + 1 + wrong.start())
        self._after()
        return text

    def _unescaped(self, escape: re.Match[str]) -> str:
        sign = escape[1]
        if sign == "\\":
            return sign
        if self._is_strict or not (sign in _OLD_ESCAPES or len(sign) > 1):
            where = self._token.offset + 1 + escape.start()
            self._fail(f"unknown escape '{escape[0]}', expected '\\\\'", where)
        return sign if len(sign) == 1 else chr(int(sign[1:], 16))


def _comment(token: _Token) -> Comment:
    return Comment(token.offset, token.text, token.kind == _DOC_END)


def _described(token: _Token) -> str:
    match token.kind:
        case kind if kind == _END:
            return "the end of the file"
        case kind if kind in (_PLAIN, _ESCAPED):
            return "a string"
        case _:
            if token.text.startswith("'"):
                return "a string without an end"
            if token.text == '"':
                return "a double quote (strings need single quotes)"
            is_word = token.text[0].isalnum() or token.text[0] in "_-"
            text = token.text if is_word else token.text[0]
            return f"'{text}'" if text.isprintable() else f"{text!a}"
