"""The members of the arguments that an expression reads, and those that it rules on.

A predicate gets only what it reads: converting all arguments of a command takes longer than the
evaluation, and a member of 1 MiB that no rule is about shall cost nothing.

What it *rules on* is less. ``has(args.x)`` lets every value of x pass, so it rules on nothing;
``!has(args.x)`` does. A loop rules on the elements of its list only if it tests all of them. A size
or a type says nothing about a value.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from qmpeer.policy.cel_nodes import (
    Collection,
    Index,
    Invocation,
    Literal,
    Loop,
    Name,
    Node,
    Operation,
    Presence,
    Select,
)
from qmpeer.values import JsonValue

ARGUMENTS: Final = "args"
MemberPath: TypeAlias = tuple[str, ...]
_SAY_LITTLE: Final = ("size", "type")
_OF_TEXTS: Final = ("startsWith", "contains", "matches")


class NotAList(Exception):
    """A value that a loop can't run over."""


class Reads:
    """The parts of one value that are read.

    Attributes:
        is_whole: True if it is read as it is.
        members: The members that are looked for, each with its parts that are read.
        elements: The parts of its elements that are read; None if no loop runs over them.
    """

    __slots__ = ("elements", "is_whole", "members")

    def __init__(self) -> None:
        self.is_whole: bool = False
        self.members: dict[str, Reads] = {}
        self.elements: Reads | None = None

    def member(self, name: str) -> "Reads":
        """Return what is read of a member, which is looked for from now on."""
        return self.members.setdefault(name, Reads())

    def of_elements(self) -> "Reads":
        """Return what is read of the elements, over which a loop runs from now on."""
        if self.elements is None:
            self.elements = Reads()
        return self.elements

    def part_of(self, value: JsonValue) -> JsonValue:
        """Return the part of a value that is read.

        Raises:
            NotAList: If a loop runs over something else.
        """
        if self.elements is not None and not isinstance(value, list):
            raise NotAList
        if self.is_whole:
            return value
        if isinstance(value, dict):
            return {
                name: reads.part_of(value[name])
                for name, reads in self.members.items()
                if name in value
            }
        if isinstance(value, list):
            elements = self.elements
            return [] if elements is None else [elements.part_of(each) for each in value]
        return value if self.members else True


Place: TypeAlias = tuple[Reads, MemberPath, bool]
"""A value that is read, its path, and False if nothing on this path counts as ruled on."""


class MemberReader:
    """A reader of expressions, which notes what they read.

    Args:
        roots: What is read of the variables that hold arguments, by name.

    Attributes:
        mentions: The members that the expressions rule on.
        text_tests: The plain tests of texts, with the members that they are about.
    """

    def __init__(self, roots: Mapping[str, Reads]) -> None:
        self.mentions: dict[MemberPath, None] = {}
        self.text_tests: list[tuple[str, MemberPath]] = []
        self._scope: dict[str, Place] = {
            name: (reads, (), name == ARGUMENTS) for name, reads in roots.items()
        }

    def read(self, node: Node, polarity: int = 1) -> None:
        """Note what an expression reads.

        Args:
            node: The expression.
            polarity: 1 if the predicate can hold only if the expression does, -1 if only if it
                doesn't, and 0 if that isn't known.
        """
        match node:
            case Name() | Select() | Index():
                self._value(node)
            case Presence(member=member):
                self._presence(member.operand, member.member, polarity)
            case Loop():
                self._loop(node, polarity)
            case Operation(operator="in", operands=(Literal(value=str(name)), right)) if (
                isinstance(right, Name) and right.name == ARGUMENTS
            ):
                self._presence(right, name, polarity)
            case Operation(operator=operator, operands=operands):
                self._operation(operator, operands, polarity)
            case Invocation(function=function, target=target, arguments=arguments):
                before = dict(self.mentions)
                for each in (*arguments, *(() if target is None else (target,))):
                    self.read(each, 0)
                place = None if target is None else self._place(target)
                if function in _OF_TEXTS and place is not None and place[1]:
                    self.text_tests.append((function, place[1]))
                if function in _SAY_LITTLE:
                    self.mentions = before
            case Collection(items=items):
                for each in items:
                    self.read(each, 0)

    def _operation(self, operator: str, operands: Sequence[Node], polarity: int) -> None:
        for index, each in enumerate(operands):
            if operator == "!":
                self.read(each, -polarity)
            elif operator in ("&&", "||") or (operator == "?:" and index > 0):
                self.read(each, polarity)
            else:
                self.read(each, 0)

    def _value(self, node: Name | Select | Index) -> None:
        place = self._place(node)
        if place is not None:
            place[0].is_whole = True
            if place[1] and place[2]:
                self.mentions[place[1]] = None
        elif isinstance(node, Select | Index):
            self.read(node.operand, 0)
            if isinstance(node, Index):
                self.read(node.index, 0)

    def _presence(self, operand: Node, name: str, polarity: int) -> None:
        place = self._place(operand)
        if place is None:
            self.read(operand, 0)
            return
        reads, path, counts = place
        reads.member(name)
        if polarity < 0 and counts:
            self.mentions[*path, name] = None

    def _loop(self, loop: Loop, polarity: int) -> None:
        place = self._place(loop.items)
        element: Place = (Reads(), (), False)
        if place is None:
            self.read(loop.items, 0)
        else:
            reads, path, counts = place
            tests_all = (loop.kind, polarity) in (("all", 1), ("exists", -1))
            element = (reads.of_elements(), (*path, "*"), counts and tests_all)
        before = self._scope
        self._scope = {**before, loop.variable: element}
        self.read(loop.body, 0 if loop.kind == "exists_one" else polarity)
        self._scope = before

    def _place(self, node: Node) -> Place | None:
        """Return the value that a chain of members leads to; None for another expression."""
        match node:
            case Name(name=name):
                return self._scope.get(name)
            case Select(operand=operand, member=member):
                return self._below(operand, member)
            case Index(operand=operand, index=Literal(value=str(member))):
                return self._below(operand, member)
        return None

    def _below(self, operand: Node, member: str) -> Place | None:
        place = self._place(operand)
        if place is None:
            return None
        reads, path, counts = place
        return reads.member(member), (*path, member), counts
