r"""Conditions of `if`, in both forms that QAPI has had.

Since 6.2 a condition is a name, or a tree of all, any and not. From 3.0 to 6.1 it was an expression
of the C preprocessor, such as ``defined(CONFIG_VNC) && !defined(CONFIG_WIN32)``, or a list of these
that must all hold. Such expressions are converted to the same tree. An expression with anything
other than defined(), !, &&, || and parentheses is kept as one string.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from qmpeer import limits
from qmpeer.schema.model import AllOf, AnyOf, Condition, Not

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TOKEN: Final = re.compile(r"\s*(defined\s*\(\s*(\w+)\s*\)|defined\s+(\w+)|&&|\|\||!|\(|\)|\Z)")


def is_met(condition: Condition | None, is_defined: Callable[[str], bool]) -> bool:
    """Return True if a condition is met; None always is.

    Args:
        condition: The condition.
        is_defined: Returns True for a configured name, such as CONFIG_VNC.

    Example:
        >>> is_met(AllOf(("A", Not("B"))), {"A"}.__contains__)
        True
    """
    match condition:
        case None:
            return True
        case str():
            return is_defined(condition)
        case AllOf():
            return all(is_met(part, is_defined) for part in condition.conditions)
        case AnyOf():
            return any(is_met(part, is_defined) for part in condition.conditions)
        case Not():
            return not is_met(condition.condition, is_defined)


def condition_text(condition: Condition) -> str:
    """Return a condition as readable text.

    Example:
        >>> condition_text(AllOf(("A", Not("B"), AnyOf(("C", "D")))))
        'A and not B and (C or D)'
    """
    match condition:
        case str():
            return condition
        case Not():
            return f"not {_part_text(condition.condition)}"
        case AllOf():
            return " and ".join(map(_part_text, condition.conditions))
        case AnyOf():
            return " or ".join(map(_part_text, condition.conditions))


def _part_text(part: Condition) -> str:
    return f"({condition_text(part)})" if isinstance(part, AllOf | AnyOf) else condition_text(part)


def parse_expression(text: str) -> Condition:
    """Return the condition for a name or for an expression of the C preprocessor.

    Example:
        >>> parse_expression("defined(A) && !defined(B)")
        AllOf(conditions=('A', Not(condition='B')))
        >>> parse_expression("VERSION > 3")
        'VERSION > 3'
    """
    if _NAME.match(text):
        return text
    tokens = _tokens(text)
    if tokens is None:
        return text
    try:
        condition = _any(tokens, 0)
    except _NotOursError:
        return text
    return condition if len(tokens) == 1 else text  # the one left is the end


class _NotOursError(Exception):
    """An expression with anything other than defined(), !, && and ||."""


def is_condition_name(text: str) -> bool:
    """Return True if a condition is a plain name, the only form of string since 6.2."""
    return _NAME.match(text) is not None


def _tokens(text: str) -> deque[str] | None:
    tokens, position = deque[str](), 0
    while not tokens or tokens[-1] != "end":
        found = _TOKEN.match(text, position)
        if found is None:
            return None
        name = found[2] or found[3]
        tokens.append(f"defined {name}" if name else found[1] or "end")
        position = found.end()
    return tokens


# A recursive descent parser: _any reads "||", _all reads "&&", _one reads the rest. As in C, "&&"
# binds more tightly.
def _any(tokens: deque[str], depth: int) -> Condition:
    parts = [_all(tokens, depth)]
    while tokens[0] == "||":
        tokens.popleft()
        parts.append(_all(tokens, depth))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _all(tokens: deque[str], depth: int) -> Condition:
    parts = [_one(tokens, depth)]
    while tokens[0] == "&&":
        tokens.popleft()
        parts.append(_one(tokens, depth))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _one(tokens: deque[str], depth: int) -> Condition:
    token = tokens.popleft()
    if depth > limits.CONDITION_LEVELS:
        raise _NotOursError
    if token == "!":
        return Not(_one(tokens, depth + 1))
    if token == "(":
        condition = _any(tokens, depth + 1)
        if tokens.popleft() != ")":
            raise _NotOursError
        return condition
    if token.startswith("defined "):
        return token.removeprefix("defined ")
    raise _NotOursError
