"""Predicates: conditions on a command's arguments, written in CEL.

An expression has the variables ``args``, ``command`` and ``peer`` (uid, gid, listener,
certificate), and beside CEL's functions these: ``under(path, folder)``, ``node_file(name)``, and
``peer()``. The library is imported when the first predicate is made.

Spec: CEL language definition; the functions are our own.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qmpeer import limits
from qmpeer.policy.cel_members import ARGUMENTS, MemberPath, MemberReader, NotAList, Reads
from qmpeer.policy.cel_names import COMMAND, PEER, called_functions, check_names, used_names
from qmpeer.policy.cel_nodes import Node, Operation, PredicateError
from qmpeer.policy.cel_syntax import parse
from qmpeer.policy.rules import CannotTell, Facts, PolicyClient
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from cel import Program

_FAILED: Final = re.compile(r"Function '(\w+)' error: (.*)", re.DOTALL)
_PLACE: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_OWN: Final = ("under", "node_file", "peer")


class CelPredicate:
    """A condition in CEL; a `qmpeer.policy.Predicate`.

    Args:
        text: The expression.

    Raises:
        PredicateError: If it isn't one, or uses names that there aren't.
        ModuleNotFoundError: If the extra ``policy`` isn't installed.

    Attributes:
        text: The same.
        node: The expression as a tree.
        mentions: The members that it rules on.
        text_tests: The plain tests of texts, with the members that they are about.
        needs_nodes: True if it asks for the files of nodes.

    Example:
        >>> predicate = CelPredicate('args.file.filename == "/srv/a" && !has(args.backing)')
        >>> predicate.mentions
        (('file', 'filename'), ('backing',))
    """

    __slots__ = (
        "_functions",
        "_has_command",
        "_has_peer",
        "_parts",
        "_program",
        "_reads",
        "mentions",
        "needs_nodes",
        "node",
        "text",
        "text_tests",
    )

    def __init__(self, text: str) -> None:
        self.text: str = text
        self.node: Node = parse(text)
        try:
            check_names(self.node)
            self._reads = Reads()
            reader = MemberReader({ARGUMENTS: self._reads})
            reader.read(self.node)
            called, names = called_functions(self.node), used_names(self.node)
        except RecursionError:
            raise PredicateError("nested too deep", 0) from None
        self.mentions: Sequence[MemberPath] = tuple(reader.mentions)
        self.text_tests: Sequence[tuple[str, MemberPath]] = tuple(reader.text_tests)
        self.needs_nodes: bool = "node_file" in called
        self._functions = [name for name in _OWN if name in called]
        self._has_command = COMMAND in names
        self._has_peer = PEER in names
        if self._has_peer and PEER in called:
            raise PredicateError("found peer and peer(), expected only one of them", 0)
        self._program = compile_text(text)
        self._parts: list[tuple[str, Program]] | None = None

    def failure(
        self, command: str, arguments: JsonObject, client: PolicyClient, facts: Facts
    ) -> str | None:
        """Return why it doesn't hold, or a `CannotTell`; None if it holds. It never raises."""
        seen: JsonValue = None
        try:
            seen = self._reads.part_of(arguments)
            reason = _too_much(seen)
        except NotAList:
            reason = "found something else than a list where a loop is, expected a list"
        except RecursionError:
            reason = "nested too deep"
        if reason is not None:
            return CannotTell(f"when: {reason}")
        calls = Calls(client, facts)
        context: dict[str, Any] = {ARGUMENTS: seen}
        for name in self._functions:  # each takes the library a few microseconds
            context[name] = getattr(calls, name)
        if self._has_command:
            context[COMMAND] = command
        if self._has_peer:
            context[PEER] = calls.peer()
        value, reason = evaluate(self._program, context)
        if calls.trouble is not None:
            return CannotTell(f"when: {calls.trouble}")
        if reason is not None:
            return CannotTell(f"when: {reason}")
        if value is True:
            return None
        if value is not False:
            return CannotTell("when: found no boolean, expected true or false")
        return f"when: {self._why(context, calls)}"

    def _why(self, context: dict[str, Any], calls: "Calls") -> str:
        """Return which part of the expression is false."""
        node = self.node
        if self._parts is None:
            nodes: tuple[Node, ...] = ()
            if isinstance(node, Operation) and node.operator == "&&":
                nodes = node.operands
            texts = [self.text[each.start : each.end] for each in nodes]
            self._parts = [(text, compile_text(text)) for text in texts]
        shown = self.text
        for text, program in self._parts:
            calls.refusal = None
            if evaluate(program, context)[0] is not True:
                shown = text
                break
        because = f": {calls.refusal}" if calls.refusal else ""
        return f"expected {shortened(shown)}{because}"


class Calls:
    """The functions of one evaluation. They don't raise: the library would print that.

    Args:
        client: The client.
        facts: The facts.

    Attributes:
        trouble: Why one of them couldn't answer; then the evaluation counts for nothing.
        refusal: Why the last path wasn't under its folder.
    """

    __slots__ = ("_client", "_facts", "_has_asked_nodes", "refusal", "trouble")

    def __init__(self, client: PolicyClient, facts: Facts) -> None:
        self._client = client
        self._facts = facts
        self._has_asked_nodes = False
        self.trouble: str | None = None
        self.refusal: str | None = None

    def peer(self) -> JsonObject:
        """Return who the client is."""
        client = self._client
        return {
            "uid": client.uid,
            "gid": client.gid,
            "listener": client.listener,
            "certificate": client.certificate,
        }

    def under(self, path: object, folder: object) -> bool:
        """Return True if the server would open a path under a folder."""
        if not isinstance(path, str) or not isinstance(folder, str):
            wrong = path if isinstance(folder, str) else folder
            self.trouble = self._told(f"under: found {kind_of(wrong)}, expected a path")
            return False
        try:
            self.refusal = self._facts.under(path, folder)
        except Exception as error:
            self.trouble = self._told(f"under: {error}")
            return False
        if self.refusal is None:
            return True
        self.refusal = self._told(self.refusal)
        return False

    def _told(self, reason: str) -> str:
        """Return a reason without the file of a node: who asks may not know it."""
        return "found a node, expected one with a file there" if self._has_asked_nodes else reason

    def node_file(self, name: object) -> str | None:
        """Return the file of a block node or device; None if it has none."""
        if not isinstance(name, str):
            self.trouble = f"node_file: found {kind_of(name)}, expected a name"
            return None
        self._has_asked_nodes = True
        try:
            return self._facts.node_file(name)
        except Exception as error:
            self.trouble = f"node_file: {error}"
            return None


def compile_text(text: str) -> "Program":
    """Return an expression as a program of the library.

    Raises:
        PredicateError: If the library refuses it.
    """
    import cel  # optional extra: policy

    program, reason = _without_panic(lambda: cel.compile(text))
    if program is None:
        raise _refused(reason or "not an expression in CEL", text)
    found: Program = program
    return found


def _refused(reason: str, text: str) -> PredicateError:
    """Return the error for an expression that the library refuses, with its place if it is told."""
    found = _PLACE.search(reason)
    if found is None:
        return PredicateError(reason, 0)
    lines = text.split("\n")[: int(found[1]) - 1]
    return PredicateError(found[3], sum(len(line) + 1 for line in lines) + int(found[2]) - 1)


def evaluate(program: "Program", context: dict[str, Any]) -> tuple[Any, str | None]:
    """Return the value of an expression, or None and why it has none."""
    return _without_panic(lambda: program.execute(context))


def _without_panic(work: Callable[[], Any]) -> tuple[Any, str | None]:
    try:
        return work(), None
    except KeyError as error:
        return None, f"found no member {shortened(str(error))}, expected one"
    except Exception as error:
        return None, _reason_of(error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the library's own bug
            raise
        return None, "the library for CEL failed"


def _reason_of(error: Exception) -> str:
    """Return the library's reason in a few words."""
    text = str(error)
    if text.startswith("No such overload"):
        return "found values of other types than an operator or a function takes"
    if text.startswith("Conversion Error"):
        return "found a value that the library can't convert"
    if text.startswith("Undefined variable or function: '"):
        name = text.split("'")[1]
        return f"found values of other types than {name} takes"
    if text.startswith("Failed to parse expression"):
        at = text.find("ERROR: <input>")
        return text[at:].partition("\n")[0]
    if (found := _FAILED.match(text)) is not None:
        text = f"{found[1]}: {found[2]}"
    text = text.partition(". ")[0]
    return shortened(text[:1].lower() + text[1:])


def shortened(text: str) -> str:
    """Return a text that isn't too long for an error."""
    most = limits.PREDICATE_SHOWN
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}…"


def kind_of(value: object) -> str:
    """Return what a value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "something else"


def _too_much(seen: JsonValue) -> str | None:
    """Return why a value is too large to be evaluated; None if it isn't."""
    try:
        text = msgspec.json.encode(seen)
    except Exception as error:  # nested too deep, half a surrogate pair
        return f"found arguments that can't be converted: {shortened(str(error))}"
    if len(text) > limits.PREDICATE_ARGUMENTS:
        most = limits.PREDICATE_ARGUMENTS
        found = f"found {len(text)} bytes of arguments that the condition reads"
        return f"{found}, expected at most {most}"
    brackets = text.count(b"{") + text.count(b"[")  # those in texts count, too: more is unlikely
    if brackets > limits.PREDICATE_NESTING and _levels(seen) > limits.PREDICATE_NESTING:
        return f"found arguments nested deeper than {limits.PREDICATE_NESTING} levels"
    return None


def _levels(value: JsonValue) -> int:
    """Return how deep a value is nested."""
    levels = 0
    row = [value]
    while row:
        levels += 1
        row = [
            inner
            for each in row
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return levels
