"""The names that an expression may use: variables, functions, types.

The library tells of unknown ones only when it evaluates the expression, and not even then if an
earlier part decides.

Spec: CEL language definition, "List of Standard Definitions"; what isn't useful for arguments, such
as times, is left out.
"""

from collections.abc import Collection as Names
from typing import Final, NoReturn

from qmpeer.messages import near_names
from qmpeer.policy.cel_members import ARGUMENTS
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

PEER: Final = "peer"
COMMAND: Final = "command"
VARIABLES: Final = (ARGUMENTS, COMMAND, PEER)
PEER_MEMBERS: Final = ("uid", "gid", "listener", "certificate")
_TYPES: Final = ("int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type")
_LOOPS: Final = ("all", "exists", "exists_one")

FUNCTIONS: Final = {
    "bytes": 1,
    "double": 1,
    "dyn": 1,
    "has": 1,
    "int": 1,
    "node_file": 1,
    "peer": 0,
    "size": 1,
    "string": 1,
    "type": 1,
    "uint": 1,
    "under": 2,
}
"""The functions, with the number of their arguments."""
METHODS: Final = {
    "contains": 1,
    "endsWith": 1,
    "matches": 1,
    "size": 0,
    "startsWith": 1,
    "under": 1,
}
"""Those that are called behind a value, with the number of their further arguments."""


def check_names(node: Node) -> None:
    """Check that an expression uses only names that there are, in places where they may be.

    Raises:
        PredicateError: For the first one that is wrong.
    """
    _check(node, frozenset(VARIABLES))


def called_functions(node: Node) -> set[str]:
    """Return the names of the functions that an expression calls."""
    found = {node.function} if isinstance(node, Invocation) else set()
    return found.union(*map(called_functions, inner_parts(node)))


def used_names(node: Node) -> set[str]:
    """Return the variables and types that an expression names."""
    found = {node.name} if isinstance(node, Name) else set()
    return found.union(*map(used_names, inner_parts(node)))


def inner_parts(node: Node) -> tuple[Node, ...]:
    """Return the parts of an expression, without theirs."""
    match node:
        case Select(operand=operand):
            return (operand,)
        case Index(operand=operand, index=index):
            return operand, index
        case Presence(member=member):
            return (member.operand,)
        case Loop(items=items, body=body):
            return items, body
        case Invocation(target=target, arguments=parts):
            return parts if target is None else (target, *parts)
        case Operation(operands=parts) | Collection(items=parts):
            return parts
    return ()


def _check(node: Node, variables: frozenset[str]) -> None:
    match node:
        case Name(name=name):
            if name not in variables and name not in _TYPES:
                _unknown("name", name, variables, node.start)
        case Invocation():
            _check_call(node)
        case Loop():
            _check_loop(node, variables)
            return
        case Select(operand=operand, member=member) if _is_peer(operand):
            if member not in PEER_MEMBERS:
                _unknown(
                    "member", f"peer.{member}", [f"peer.{each}" for each in PEER_MEMBERS], node.at
                )
    for each in inner_parts(node):
        _check(each, variables)


def _is_peer(node: Node) -> bool:
    return (isinstance(node, Name) and node.name == PEER) or (
        isinstance(node, Invocation) and node.function == PEER
    )


def _check_call(call: Invocation) -> None:
    known = FUNCTIONS if call.target is None else METHODS
    expected = known.get(call.function)
    if expected is None:
        if call.function in FUNCTIONS:
            reason = f"found .{call.function}(), expected {call.function}() around the value"
            raise PredicateError(reason, call.at)
        if call.function in METHODS:
            reason = (
                f"found {call.function}(), expected it behind a value, as in x.{call.function}()"
            )
            raise PredicateError(reason, call.at)
        loops = _LOOPS if call.target is not None else ()
        _unknown("function", call.function, (*known, *loops), call.at)
    if len(call.arguments) != expected:
        found = len(call.arguments)
        reason = f"found {call.function} with {found} arguments, expected {expected}"
        raise PredicateError(reason, call.at)
    if call.function == "matches" and not isinstance(call.arguments[0], Literal):
        # A client could send one that takes long to compile.
        where = call.arguments[0].start
        raise PredicateError("found another pattern than a literal text, expected one", where)


def _check_loop(loop: Loop, variables: frozenset[str]) -> None:
    if loop.variable in VARIABLES or loop.variable in _TYPES:
        reason = f"found {loop.variable} as the name of the element, expected one of your own"
        raise PredicateError(reason, loop.start)
    _check(loop.items, variables)
    inside = variables
    if not isinstance(loop.items, Collection):
        # Two loops over what a client sends, one in the other, would take the square of the time.
        inside = frozenset((COMMAND, PEER))
        hidden = (variables - inside) & used_names(loop.body)
        if hidden:
            name = min(hidden)
            reason = f"found {name} inside {loop.kind}(), expected only {loop.variable} there"
            raise PredicateError(reason, loop.body.start)
    _check(loop.body, inside | {loop.variable})


def _unknown(kind: str, name: str, known: Names[str], offset: int) -> NoReturn:
    near = near_names(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    reason = f"found the {kind} {name}, expected one of {', '.join(sorted(known))}{hint}"
    raise PredicateError(reason, offset)
