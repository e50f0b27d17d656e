"""A tree of arguments in dotted form, and its value as JSON without a schema.

Dots nest: ``a.b=1`` is ``{"a": {"b": 1}}``. A level whose names are all numbers is a list:
``a.0=x a.1=y`` is ``{"a": ["x", "y"]}``. Without a schema a value is JSON if it parses as JSON,
else text. ``name:=text`` is always text.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias, Union

import msgspec

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.words import Value, Word
from qmpeer.values import JsonObject, JsonValue

Node: TypeAlias = Union[Word, "Level"]


class Level:
    """One level of nested arguments.

    Attributes:
        members: By name, the word with the value, or the level below.
        path: The names from the top to this level.
        first: The first word of the level, marked in errors; None at the top.
        end: The offset that an error about a missing member marks.
    """

    __slots__ = ("end", "first", "members", "path")

    def __init__(self, path: tuple[str, ...] = (), first: Word | None = None, end: int = 0) -> None:
        self.members: dict[str, Node] = {}
        self.path: tuple[str, ...] = path
        self.first: Word | None = first
        self.end: int = first.end if first is not None else end

    @property
    def is_list(self) -> bool:
        """True if a name is a number."""
        return any(map(_is_number, self.members))

    def text_of(self, name: str) -> str | None:
        """Return a member's value as typed; None if it is absent or typed in parts."""
        node = self.members.get(name)
        return node.value.text if isinstance(node, Word) else None


def _is_number(name: str) -> bool:
    # A list's index has few digits; int() raises ValueError at thousands of them.
    return name.isdecimal() and name.isascii() and len(name) < 10


def build_tree(words: Sequence[Word], end: int = 0) -> Level:
    """Return the tree of words of the form ``name=value``.

    Args:
        words: The words.
        end: The offset that an error about a missing argument marks if there are no words.

    Raises:
        InputError: If a word has another form, or if two contradict each other.
    """
    top = Level(end=words[-1].end if words else end)
    for word in words:
        insert_word(top, word)
    return top


def insert_word(level: Level, word: Word) -> None:
    """Add a word to a tree.

    Raises:
        InputError: If the word isn't ``name=value``, or contradicts an earlier word.
    """
    if word.name is None:
        text = word.value.text
        reason = f"found {text if len(text) < 100 else text[:100] + '…'!r}"
        reason = f"{reason}, expected name=value, or one JSON object"
        raise InputError(reason, word.start, word.end, is_syntax=True)
    path = word.name.split(".")
    if not all(path):
        sign = ":=" if word.is_text else "="
        found = f"{word.name}{sign}{word.value.text}"
        reason = f"found {found!r}, expected a name before '=' and around each dot"
        raise _at_name(word, reason)
    if len(path) > limits.SHELL_LEVELS:
        raise _at_name(word, f"found {len(path)} levels, expected at most {limits.SHELL_LEVELS}")
    for depth, name in enumerate(path[:-1], 1):
        if name not in level.members:
            level.members[name] = Level(tuple(path[:depth]), word)
        below = level.members[name]
        if not isinstance(below, Level):
            where = ".".join(path[:depth])
            reason = f"found both '{where}' and '{word.name}', expected one value or its parts"
            raise _at_name(word, reason)
        level = below
    if path[-1] in level.members:
        if isinstance(level.members[path[-1]], Level):
            reason = f"found both '{word.name}' and parts of it, expected one or the other"
        else:
            reason = f"found '{word.name}' twice, expected it once"
        raise _at_name(word, reason)
    level.members[path[-1]] = word


def _at_name(word: Word, reason: str) -> InputError:
    return InputError(reason, word.start, word.start + len(word.name or ""), is_syntax=True)


def items_of(level: Level) -> list[Node]:
    """Return the items of a level that is a list, in order of their indexes.

    Raises:
        InputError: If a name isn't a number, or an index is missing.
    """
    members = level.members
    where = ".".join(level.path)
    numbers = {name for name in members if _is_number(name)}
    if len(numbers) < len(members):
        name = next(name for name in members if name not in numbers)
        number = next(iter(numbers), "0")
        reason = f"found both '{where}.{number}' and '{where}.{name}', expected a list or an object"
        raise _at_node(members[name], reason)
    for name in map(str, range(len(members))):
        if name not in members:
            found = ", ".join(sorted(numbers, key=int))
            reason = f"found {found} in '{where}', expected '{where}.{name}' as well"
            raise _at_node(next(iter(members.values())), reason)
    return [members[str(index)] for index in range(len(members))]


def _at_node(node: Node, reason: str) -> InputError:
    word = node.first if isinstance(node, Level) else node
    return _at_name(word, reason) if word else InputError(reason, 0, 0, is_syntax=True)


# --- Without a schema ---------------------------------------------------------------------------


def untyped_object(
    level: Level, value_of: "Callable[[Word], JsonValue] | None" = None
) -> JsonObject:
    """Return the JSON object of a tree without a schema.

    Args:
        level: The tree.
        value_of: Returns the value of a word; `untyped_value` by default.

    Raises:
        InputError: If the tree is inconsistent.
    """
    read = value_of or untyped_value
    return {name: untyped_node(node, read) for name, node in level.members.items()}


def untyped_node(node: Node, value_of: Callable[[Word], JsonValue]) -> JsonValue:
    """Return the JSON value of a part of a tree, as `untyped_object` does.

    Raises:
        InputError: If the part is inconsistent.
    """
    if isinstance(node, Word):
        return value_of(node)
    if node.is_list:
        return [untyped_node(item, value_of) for item in items_of(node)]
    return untyped_object(node, value_of)


def untyped_value(word: Word) -> JsonValue:
    """Return the JSON value of a word without a schema.

    Raises:
        InputError: If the value begins like JSON and doesn't parse.
    """
    value = word.value
    if value.kind == "json":
        return parse_json(value)
    if value.kind == "quoted" or word.is_text:
        return value.text
    try:
        found: JsonValue = msgspec.json.decode(value.text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return value.text
    except RecursionError:
        reason = f"found {value.text[:20]}…, which is nested too deep"
        raise InputError(reason, value.start, value.end, is_syntax=True) from None
    return found


def parse_json(value: Value) -> JsonValue:
    """Parse a value as JSON, or as QEMU's dialect of JSON.

    Raises:
        InputError: If it can't be parsed.
    """
    try:
        found: JsonValue = msgspec.json.decode(value.text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return _parse_tolerantly(value, str(error))
    except RecursionError:
        return _parse_tolerantly(value, "nested too deep")
    return found


def _parse_tolerantly(value: Value, reason: str) -> JsonValue:
    """Parse a value with the slower parser, which accepts all that QEMU accepts."""
    from qmpeer.wire.tolerant import TolerantReader  # start: 6 ms

    try:
        items = TolerantReader().receive_data(value.text.encode())
    except UnicodeEncodeError:
        items = []
    if len(items) == 1 and not isinstance(items[0], WireError | LimitError):
        return items[0]
    raise InputError(f"invalid JSON: {_reason(reason)}", *_place(value, reason), is_syntax=True)


def _reason(text: str) -> str:
    return text.removeprefix("JSON is malformed: ").partition(" (byte ")[0]


def _place(value: Value, reason: str) -> tuple[int, int]:
    """Return the offsets of the character at which the JSON decoder stopped."""
    _, _, tail = reason.rpartition("(byte ")
    digits = tail.rstrip(")")
    if not digits.isdecimal():
        return value.start, value.end
    # The decoder counts bytes, an InputError characters.
    at = len(value.text.encode(errors="replace")[: int(digits)].decode(errors="replace"))
    start = min(value.start + at, max(value.end - 1, value.start))
    return start, start + 1
