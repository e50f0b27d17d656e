"""The parts of an expression in CEL, which know where they stand.

The library evaluates expressions, but doesn't show their parts. We need these to see which members
an expression reads, and to try each part on its own.

Spec: CEL language definition, "Syntax".
"""

from typing import TypeAlias

import msgspec

from qmpeer.values import JsonValue


class PredicateError(Exception):
    """An expression that can't be a predicate.

    Attributes:
        reason: What was found and what was expected.
        offset: The place in the expression, in characters from its start.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason, offset)
        self.reason = reason
        self.offset = offset

    def __str__(self) -> str:
        return self.reason


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an expression.

    Attributes:
        start: Its first character, counted from 0.
        end: The character behind its last one.
    """

    start: int
    end: int


class Name(Part, frozen=True, kw_only=True):
    """A name: a variable, a type, or the element in a loop."""

    name: str


class Literal(Part, frozen=True, kw_only=True):
    """A literal.

    Attributes:
        value: Its value; None also if `is_known` is false.
        is_known: False for bytes, and for a text with escapes, whose value we leave to the library.
    """

    value: JsonValue
    is_known: bool = True


class Select(Part, frozen=True, kw_only=True):
    """A member by its name, as in ``args.file``; `at` is where the name stands."""

    operand: "Node"
    member: str
    at: int


class Index(Part, frozen=True, kw_only=True):
    """A member or an element by an expression, as in ``args["node-name"]``."""

    operand: "Node"
    index: "Node"


class Invocation(Part, frozen=True, kw_only=True):
    """A call of a function, as in ``size(x)`` or ``x.size()``; `at` is where its name stands."""

    function: str
    target: "Node | None"
    arguments: tuple["Node", ...]
    at: int


class Presence(Part, frozen=True, kw_only=True):
    """A test of presence: ``has(args.file)``."""

    member: Select


class Loop(Part, frozen=True, kw_only=True):
    """A test of all elements of a list, as in ``args.actions.all(a, a.type == "x")``.

    Attributes:
        kind: "all", "exists" or "exists_one".
        items: The list.
        variable: The name of the element.
        body: The test.
    """

    kind: str
    items: "Node"
    variable: str
    body: "Node"


class Operation(Part, frozen=True, kw_only=True):
    """An operator with its operands; those of && and || can be more than two."""

    operator: str
    operands: tuple["Node", ...]


class Collection(Part, frozen=True, kw_only=True):
    """A list, or the keys and values of a map."""

    items: tuple["Node", ...]


Node: TypeAlias = (
    Name | Literal | Select | Index | Invocation | Presence | Loop | Operation | Collection
)
