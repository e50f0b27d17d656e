"""How the words behind a command become its arguments: ``name=value``, or one JSON object.

A value is JSON if it parses as JSON, else text; ``name:=text`` is text whatever it looks like.
Dots nest: ``a.b=1`` is ``{"a": {"b": 1}}``, and where all names of a level are numbers it is a
list: ``a.0=x a.1=y`` is ``{"a": ["x", "y"]}``.

[Without the schema, text that happens to be JSON, such as a node named 0, needs ``:=``.]
"""

from collections.abc import Sequence

import msgspec

from qmpeer import limits
from qmpeer.cli.exits import UsageError
from qmpeer.values import JsonObject, JsonValue

Tree = dict[str, "JsonValue | _Level"]


class _Level:
    """Hold the members of one level while they come in."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: Tree = {}


def read_arguments(words: Sequence[str]) -> JsonObject:
    """Make a command's arguments of the words behind its name.

    Raises:
        UsageError: If the words are neither one JSON object nor all ``name=value``, or if they
            contradict each other.

    Example:
        >>> read_arguments(["driver=null-co", "size=4096", "cache.direct=true", "node-name:=1"])
        {'driver': 'null-co', 'size': 4096, 'cache': {'direct': True}, 'node-name': '1'}
    """
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return read_object(words[0])
    top = _Level()
    for word in words:
        path, value = _split(word)
        _insert(top, path, value)
    return {name: _finished(value, [name]) for name, value in top.members.items()}


def read_object(text: str | bytes) -> JsonObject:
    """Read one JSON object.

    Raises:
        UsageError: If it is none.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UsageError(f"found arguments that are not JSON: {error}") from error
    except RecursionError as error:
        raise UsageError("found arguments that are nested too deep") from error
    if not isinstance(value, dict):
        raise UsageError(f"found arguments that are {_kind(value)}, expected a JSON object")
    return value


def check_text(word: str) -> None:
    """Check that a word is text, as words of a command line may be any bytes.

    Raises:
        UsageError: If it isn't UTF-8.
    """
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"found {word!r}, expected text in UTF-8") from error


def _split(word: str) -> tuple[list[str], JsonValue]:
    name, equals, text = word.partition("=")
    if not equals:
        raise UsageError(f"found {word!r}, expected name=value, or one JSON object")
    is_text = name.endswith(":")
    path = name.removesuffix(":").split(".")
    if not all(path):
        raise UsageError(f"found {word!r}, expected a name before '=' and around each dot")
    if len(path) > limits.NESTING:
        raise UsageError(f"found {len(path)} levels, expected at most {limits.NESTING}")
    check_text(word)
    return path, text if is_text else _read_value(text)


def _read_value(text: str) -> JsonValue:
    try:
        value: JsonValue = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    except RecursionError as error:
        raise UsageError(f"found {text[:20]}…, which is nested too deep") from error
    return value


def _insert(level: _Level, path: list[str], value: JsonValue) -> None:
    for depth, name in enumerate(path[:-1], 1):
        below = level.members.setdefault(name, _Level())
        if not isinstance(below, _Level):
            where, inner = ".".join(path[:depth]), ".".join(path)
            raise UsageError(f"found both '{where}' and '{inner}', expected one value or its parts")
        level = below
    where, name = ".".join(path), path[-1]
    if name in level.members:
        if isinstance(level.members[name], _Level):
            raise UsageError(f"found both '{where}' and parts of it, expected one or the other")
        raise UsageError(f"found '{where}' twice, expected it once")
    level.members[name] = value


def _finished(value: "JsonValue | _Level", path: list[str]) -> JsonValue:
    if not isinstance(value, _Level):
        return value
    members = value.members
    where = ".".join(path)
    numbers = {name for name in members if name.isdecimal() and name.isascii()}
    if not numbers:
        return {name: _finished(member, [*path, name]) for name, member in members.items()}
    if len(numbers) < len(members):
        name = next(name for name in members if name not in numbers)
        number = next(iter(numbers))
        raise UsageError(
            f"found both '{where}.{number}' and '{where}.{name}', expected a list or an object"
        )
    expected = [str(i) for i in range(len(members))]
    for name in expected:
        if name not in members:
            found = ", ".join(sorted(numbers, key=int))
            raise UsageError(f"found {found} in '{where}', expected '{where}.{name}' as well")
    return [_finished(members[name], [*path, name]) for name in expected]


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
    return "an object"
