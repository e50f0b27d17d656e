"""The trial of a predicate when a policy is loaded.

The library tells of wrong types only when it meets them, and && and || hide what stands behind
them. So each part of an expression is evaluated by itself, on samples of what it reads; a part that
fails on all of them can never hold. A comparison of two types is no failure for the library, but
false for ever, so these are looked for, too.

What isn't found: a part that fails on some values only, a number out of range, and without a schema
misspelt members and most wrong types.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import Any, Final, NoReturn

from qmpeer import limits
from qmpeer.messages import near_names
from qmpeer.policy.cel_members import ARGUMENTS, MemberReader, Reads
from qmpeer.policy.cel_names import COMMAND, PEER, inner_parts, used_names
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
from qmpeer.policy.cel_predicate import (
    Calls,
    CelPredicate,
    compile_text,
    evaluate,
    kind_of,
    shortened,
)
from qmpeer.policy.cel_samples import Kinds, SampleMaker
from qmpeer.policy.rules import PolicyClient
from qmpeer.schema import Schema
from qmpeer.values import JsonValue

_LOGICAL: Final = ("&&", "||", "!")
_MISSING: Final = ("found no member", "index out of bounds")
"""Reasons that are about the samples only: what a value must have is checked beforehand."""
_CLIENTS: Final = (
    PolicyClient(listener="a listener", uid=1000, gid=1000, certificate="CN=a client"),
    PolicyClient(listener="a listener"),
)


def try_predicate(
    predicate: CelPredicate, commands: Iterable[str], schema: Schema | None = None
) -> None:
    """Try a predicate on samples of the arguments of commands.

    Args:
        predicate: The predicate.
        commands: The commands that its rule is about.
        schema: A schema that has them; None if there is none.

    Raises:
        PredicateError: If a part of it can't hold, with the place of the part.
    """
    _Trial(predicate.text, frozenset(commands), schema).run(predicate.node)


class _SampleFacts:
    """Facts that say either yes or no to everything.

    Args:
        is_known: True if all paths are below their folders, and all nodes have files.
    """

    def __init__(self, is_known: bool) -> None:
        self._is_known = is_known

    def under(self, path: str, folder: str) -> str | None:
        """Return None if a path is below a folder."""
        return None if self._is_known else f"found {path}, expected a path under {folder}"

    def node_file(self, name: str) -> str | None:
        """Return the file of a node."""
        return f"/{name}" if self._is_known else None

    def node_driver(self, name: str) -> str | None:
        """Return the driver of a node."""
        return "raw" if self._is_known else None

    def head(self, path: str, size: int) -> bytes | None:
        """Return no bytes: a file that isn't there."""
        return None

    def owns_fd_set(self, number: int) -> bool:
        """Return True if a set belongs to the client."""
        return self._is_known and number >= 0


class _Trial:
    """The trial of one expression."""

    def __init__(self, text: str, commands: frozenset[str], schema: Schema | None) -> None:
        self._text = text
        self._commands = commands
        self._maker = SampleMaker(schema, commands)
        self._kinds: dict[str, Kinds] = {ARGUMENTS: self._maker.arguments}
        self._elements: dict[str, list[JsonValue]] = {}  # of loops over lists in the expression

    def run(self, node: Node) -> None:
        self._try(node)
        self._need_boolean(node)

    def _try(self, node: Node) -> None:
        """Try all parts of an expression, the inner ones first."""
        if isinstance(node, Loop):
            self._try_loop(node)
            return
        if isinstance(node, Select | Index | Presence) and self._check_members(node):
            return
        for each in inner_parts(node):
            self._try(each)
        if isinstance(node, Operation):
            self._try_operation(node)
        elif isinstance(node, Invocation | Select | Index):
            self._values(node)

    def _try_operation(self, node: Operation) -> None:
        if node.operator in _LOGICAL:
            for each in node.operands:
                self._need_boolean(each)
        elif node.operator == "?:":
            self._need_boolean(node.operands[0])
        elif node.operator in ("==", "!="):
            left, right = node.operands
            self._compare(node, left, right)
        elif node.operator == "in":
            self._try_membership(node, *node.operands)
        self._values(node)

    def _try_membership(self, node: Operation, item: Node, container: Node) -> None:
        if isinstance(container, Collection):
            for each in container.items:
                self._compare(node, item, each)
        elif isinstance(item, Literal) and isinstance(item.value, str):
            kinds = self._kinds_of(container)
            if kinds is not None and kinds.keys() == {"object"}:
                self._member(container, kinds, item.value, item.start)

    def _try_loop(self, loop: Loop) -> None:
        self._try(loop.items)
        before = self._kinds, self._elements
        kinds = self._kinds_of(loop.items)
        if kinds is not None:
            inner = self._maker.element(kinds)
            if not inner:
                found = " or ".join(kinds)
                self._refuse(f"found a value that is {found}, expected a list", loop.items)
            self._kinds = {**self._kinds, loop.variable: inner}
        else:
            lists = [each for each in self._values(loop.items) if isinstance(each, list)]
            elements = [item for each in lists for item in each]
            if not lists:
                self._refuse("found a loop over something else, expected a list", loop.items)
            self._elements = {**self._elements, loop.variable: elements}
        self._try(loop.body)
        self._need_boolean(loop.body)
        self._kinds, self._elements = before

    # Members

    def _check_members(self, node: Node) -> bool:
        """Check that the schema has the members that a chain names; return False if it is none."""
        if isinstance(node, Presence):
            node = node.member
        return self._kinds_of(node) is not None

    def _kinds_of(self, node: Node) -> Kinds | None:
        """Return the kinds of the value that a chain leads to; None for another expression."""
        match node:
            case Name(name=name):
                return self._kinds.get(name)
            case Select(operand=operand, member=member, at=at):
                kinds = self._kinds_of(operand)
                return None if kinds is None else self._member(operand, kinds, member, at)
            case Index(operand=operand, index=Literal(value=str(member), start=at)):
                kinds = self._kinds_of(operand)
                return None if kinds is None else self._member(operand, kinds, member, at)
        return None

    def _member(self, operand: Node, kinds: Kinds, member: str, at: int) -> Kinds:
        found = self._maker.member(kinds, member)
        if found:
            return found
        where = shortened(self._source(operand))
        names = self._maker.member_names(kinds)
        if not names:
            has = "no members" if "object" in kinds else f"{' or '.join(kinds)} as its type"
            raise PredicateError(f"found the member {member} of {where}, which has {has}", at)
        near = near_names(member, names, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        reason = f"found the member {member} of {where}, which none of its commands has{hint}"
        raise PredicateError(reason, at)

    # Comparisons

    def _compare(self, node: Operation, left: Node, right: Node) -> None:
        """Refuse a comparison of values that are never equal."""
        for one, other in ((left, right), (right, left)):
            if isinstance(other, Literal) and isinstance(other.value, str):
                self._check_text(one, other)
        here, there = ({*map(kind_of, self._values(each))} for each in (left, right))
        if here and there and not here & there:
            found = f"found {_any_of(here)} beside {_any_of(there)}"
            self._refuse(f"{found}, expected values that can be equal", node)

    def _check_text(self, node: Node, literal: Literal) -> None:
        """Refuse a text that the value beside it can't be."""
        assert isinstance(literal.value, str)
        if isinstance(node, Name) and node.name == COMMAND:
            known: Sequence[str] | None = sorted(self._commands)
        else:
            kinds = self._kinds_of(node)
            known = None if kinds is None else self._maker.enum_values(kinds)
        if known and literal.value not in known:
            near = near_names(literal.value, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            where = shortened(self._source(node))
            self._refuse(f"found {literal.value!r} for {where}, expected {shown}{hint}", literal)

    def _need_boolean(self, node: Node) -> None:
        kinds = {*map(kind_of, self._values(node))}
        if kinds and "a boolean" not in kinds:
            self._refuse(f"found {_any_of(kinds)}, expected true or false", node)

    # Evaluation

    def _values(self, node: Node) -> list[Any]:
        """Return the values that a part has on samples.

        Raises:
            PredicateError: If it has none on any.
        """
        program = compile_text(f"({self._source(node)}\n)")
        found: list[Any] = []
        reason: str | None = None
        is_missing = False
        for variables in self._samples(node):
            for is_known, client in zip((True, False), _CLIENTS, strict=True):
                calls = Calls(client, _SampleFacts(is_known))
                value, failure = evaluate(program, {**variables, **_context(node, calls)})
                failure = calls.trouble or failure
                if failure is None:
                    found.append(value)
                else:
                    reason = reason or failure
                    is_missing = is_missing or failure.startswith(_MISSING)
        if reason is not None and not found and not is_missing:
            self._refuse(reason, node)
        return found

    def _samples(self, node: Node) -> Iterable[dict[str, JsonValue]]:
        """Give values of the variables that a part uses."""
        reads = {name: Reads() for name in self._kinds}
        MemberReader(reads).read(node)
        names = used_names(node)
        choices: dict[str, Sequence[JsonValue]] = {
            name: self._maker.samples(reads[name], kinds)
            for name, kinds in self._kinds.items()
            if name in names
        }
        choices |= {name: each for name, each in self._elements.items() if name in names}
        if COMMAND in names:
            choices[COMMAND] = sorted(self._commands)[:2] or ["a command"]
        rows = product(*choices.values())
        for row in islice(rows, limits.PREDICATE_SAMPLES):
            yield dict(zip(choices, row, strict=True))

    def _source(self, node: Node) -> str:
        return self._text[node.start : node.end]

    def _refuse(self, reason: str, node: Node) -> NoReturn:
        where = shortened(self._source(node))
        raise PredicateError(f"{reason}: {where}", node.start)


def _context(node: Node, calls: Calls) -> dict[str, Any]:
    """Return the functions, and the peer as what the part uses of it."""
    context: dict[str, Any] = {"under": calls.under, "node_file": calls.node_file}
    is_variable = PEER in used_names(node)
    return {**context, PEER: calls.peer() if is_variable else calls.peer}


def _any_of(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))
