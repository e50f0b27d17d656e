"""The reader of CEL: an expression as a tree of its parts.

It reads less than CEL has: no structs, no names with a leading dot, no optional members. What it
can't read is refused when the policy is loaded, and the library reads the text, too, so the two
never disagree in silence.

Spec: CEL language definition, "Syntax".
"""

import re
from typing import Final, NoReturn

import msgspec

from qmpeer import limits
from qmpeer.policy.cel_nodes import (
    Collection,
    Index,
    Invocation,
    Literal,
    Loop,
    Name,
    Node,
    Operation,
    PredicateError,
    Presence,
    Select,
)
from qmpeer.values import JsonValue

_LOOPS: Final = {
    "all": "all",
    "exists": "exists",
    "exists_one": "exists_one",
    "existsOne": "exists_one",
}
_SLOW_LOOPS: Final = ("map", "filter")
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|//[^\n]*)
    |(?P<text>[bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|\"[^\"\n\r]*\"|'[^'\n\r]*')
        |[bB]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
        |\"(?:[^\"\\\n\r]|\\.)*\"|'(?:[^'\\\n\r]|\\.)*'))
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<int>0x[0-9a-fA-F]+[uU]?|[0-9]+[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[-<>+*/%!?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_RELATIONS: Final = ("<", "<=", ">", ">=", "==", "!=", "in")
_WORDS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None}


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int
    end: int


def parse(text: str) -> Node:
    """Return an expression as a tree.

    Raises:
        PredicateError: If it isn't CEL, or a part of CEL that we don't offer.

    Example:
        >>> node = parse('args["node-name"] == "n"')
        >>> isinstance(node, Operation) and node.operator
        '=='
    """
    if len(text) > limits.PREDICATE_TEXT:
        most = limits.PREDICATE_TEXT
        raise PredicateError(f"found {len(text)} characters, expected at most {most}", 0)
    try:
        return _Parser(text).whole()
    except RecursionError:
        raise PredicateError("nested too deep", 0) from None


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PredicateError(f"found {text[at]!r}, expected a part of an expression", at)
        if found.lastgroup != "blank":
            tokens.append(_Token(found.lastgroup or "", found[0], at, found.end()))
        at = found.end()
    return [*tokens, _Token("end", "", len(text), len(text))]


class _Parser:
    """A reader of one expression, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._levels = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._next.kind != "end":
            self._refuse("an operator or the end")
        return node

    # Tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    @property
    def _last_end(self) -> int:
        return self._tokens[self._at - 1].end

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is_sign(self, *texts: str) -> bool:
        return self._next.kind in ("sign", "name") and self._next.text in texts

    def _skip(self, sign: str) -> bool:
        if not self._is_sign(sign):
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            self._refuse(repr(sign))

    def _refuse(self, expected: str) -> NoReturn:
        token = self._next
        found = "the end of the expression" if token.kind == "end" else token.text[:40]
        raise PredicateError(f"found {found}, expected {expected}", token.start)

    # Operators

    def _expression(self) -> Node:
        self._levels += 1
        if self._levels > limits.PREDICATE_LEVELS:
            most = limits.PREDICATE_LEVELS
            raise PredicateError(f"nested deeper than {most} levels", self._next.start)
        condition = self._either()
        if self._skip("?"):
            yes = self._either()
            self._expect(":")
            condition = _operation("?:", condition, yes, self._expression())
        self._levels -= 1
        return condition

    def _either(self) -> Node:
        parts = [self._both()]
        while self._skip("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _operation("||", *parts)

    def _both(self) -> Node:
        parts = [self._relation()]
        while self._skip("&&"):
            parts.append(self._relation())
        return parts[0] if len(parts) == 1 else _operation("&&", *parts)

    def _relation(self) -> Node:
        left = self._sum()
        while self._is_sign(*_RELATIONS):
            operator = self._take().text
            left = _operation(operator, left, self._sum())
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self._is_sign("+", "-"):
            operator = self._take().text
            left = _operation(operator, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._is_sign("*", "/", "%"):
            operator = self._take().text
            left = _operation(operator, left, self._unary())
        return left

    def _unary(self) -> Node:
        token = self._next
        if not self._is_sign("!", "-"):
            return self._member()
        self._at += 1
        operand = self._unary()
        return Operation(
            start=token.start, end=operand.end, operator=token.text, operands=(operand,)
        )

    # Members

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._skip("."):
                node = self._selected(node)
            elif self._skip("["):
                index = self._expression()
                self._expect("]")
                node = Index(start=node.start, end=self._last_end, operand=node, index=index)
            else:
                return node

    def _selected(self, operand: Node) -> Node:
        token = self._next
        if token.kind != "name" or token.text in ("in", *_WORDS):
            self._refuse("the name of a member")
        self._at += 1
        if not self._is_sign("("):
            return Select(
                start=operand.start,
                end=token.end,
                operand=operand,
                member=token.text,
                at=token.start,
            )
        if token.text in _LOOPS:
            return self._loop(operand, _LOOPS[token.text])
        if token.text in _SLOW_LOOPS:
            reason = (
                f"found {token.text}, expected all, exists or exists_one: the time of "
                f"{token.text} grows with the square of the list's length"
            )
            raise PredicateError(reason, token.start)
        arguments = self._arguments()
        return Invocation(
            start=operand.start,
            end=self._last_end,
            function=token.text,
            target=operand,
            arguments=arguments,
            at=token.start,
        )

    def _loop(self, items: Node, kind: str) -> Loop:
        self._expect("(")
        if self._next.kind != "name" or self._next.text in ("in", *_WORDS):
            self._refuse("the name of a variable")
        variable = self._take().text
        self._expect(",")
        body = self._expression()
        self._expect(")")
        return Loop(
            start=items.start,
            end=self._last_end,
            kind=kind,
            items=items,
            variable=variable,
            body=body,
        )

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        found: list[Node] = []
        while not self._is_sign(")"):
            found.append(self._expression())
            if not self._skip(","):
                break
        self._expect(")")
        return tuple(found)

    def _primary(self) -> Node:
        token = self._take()
        match token.kind:
            case "text" | "int" | "float":
                return _literal(token)
            case "name" if token.text in _WORDS:
                return Literal(start=token.start, end=token.end, value=_WORDS[token.text])
            case "name" if token.text != "in":
                return self._named(token)
            case "sign" if token.text == "(":
                node = self._expression()
                self._expect(")")
                return msgspec.structs.replace(node, start=token.start, end=self._last_end)
            case "sign" if token.text in ("[", "{"):
                return self._collection(token)
        self._at -= 1
        return self._refuse("a value")

    def _named(self, token: _Token) -> Node:
        if not self._is_sign("("):
            return Name(start=token.start, end=token.end, name=token.text)
        arguments = self._arguments()
        if token.text == "has":
            if len(arguments) != 1 or not isinstance(arguments[0], Select):
                found = "has() of something else"
                reason = f'found {found}, expected a member: has(args.file), or "node-name" in args'
                raise PredicateError(reason, token.start)
            return Presence(start=token.start, end=self._last_end, member=arguments[0])
        return Invocation(
            start=token.start,
            end=self._last_end,
            function=token.text,
            target=None,
            arguments=arguments,
            at=token.start,
        )

    def _collection(self, opened: _Token) -> Collection:
        is_map = opened.text == "{"
        close = "}" if is_map else "]"
        items: list[Node] = []
        while not self._is_sign(close):
            items.append(self._expression())
            if is_map:
                self._expect(":")
                items.append(self._expression())
            if not self._skip(","):
                break
        self._expect(close)
        return Collection(start=opened.start, end=self._last_end, items=tuple(items))


def _operation(operator: str, *operands: Node) -> Operation:
    first, last = operands[0], operands[-1]
    return Operation(start=first.start, end=last.end, operator=operator, operands=operands)


def _literal(token: _Token) -> Literal:
    value: JsonValue = None
    is_known = True
    if token.kind == "float":
        value = float(token.text)
    elif token.kind == "int":
        value = int(token.text.rstrip("uU"), 0 if "x" in token.text else 10)
    else:
        prefix, text = _split_text(token.text)
        is_known = "b" not in prefix and ("r" in prefix or "\\" not in text)
        value = text if is_known else None
    return Literal(start=token.start, end=token.end, value=value, is_known=is_known)


def _split_text(text: str) -> tuple[str, str]:
    """Return the prefix of a text's literal, in lower case, and what stands between the quotes."""
    body = text.lstrip("bBrR")
    marks = 3 if body[:3] in ('"""', "'''") else 1
    return text[: len(text) - len(body)].lower(), body[marks:-marks]
