"""Replies and events without what a client mustn't see: members that patterns name are blanked.

A blanked value keeps its JSON type, so that a client which checks types goes on: a text becomes "",
a number 0, true becomes false, a list loses its elements, and an object keeps its members, each of
them blanked. A value of an enum becomes "", too, which a client with typed bindings may refuse:
better blank the members beside it.

The value that came stays as it is. What a client gets shares the parts where nothing was blanked.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from qmpeer.values import JsonValue

Pattern: TypeAlias = tuple[str, ...]
"""The way to a member; "*" is one member or element, "**" any number of them."""

_ONE: Final = "*"
_ANY: Final = "**"


def blanked(value: JsonValue, patterns: Sequence[Pattern]) -> JsonValue:
    """Return a reply's value, or an event's data, with members blanked.

    Args:
        value: The value.
        patterns: The ways to the members.

    Returns:
        A copy that shares what is the same; the value itself if no pattern matches.

    Example:
        >>> blanked([{"device": "a", "file": "/srv/a", "ro": True}], [("*", "file")])
        [{'device': 'a', 'file': '', 'ro': True}]
        >>> blanked({"a": {"key": [1], "b": {"key": 5}}}, [("**", "key")])
        {'a': {'key': [], 'b': {'key': 0}}}
    """
    if not patterns:
        return value
    try:
        return _start(tuple(patterns)).applied_to(value)
    except RecursionError:  # nested too deep to look into
        return _without_content(value)


class _State:
    """The rests of all patterns on the way to a value.

    Args:
        rests: The rests; "**" as no member at all is one of its own.
        known: All states of these patterns.
    """

    __slots__ = ("_known", "_names", "_next", "_rests", "blanks", "has_end")

    def __init__(
        self, rests: frozenset[Pattern], known: "dict[frozenset[Pattern], _State]"
    ) -> None:
        self._rests = rests
        self._known = known
        self._next: dict[str, _State] = {}
        firsts = {rest[0] for rest in rests if rest}
        self._names: tuple[str, ...] | None = None  # of the members that matter; None for any
        if not firsts & {_ONE, _ANY}:
            self._names = tuple(firsts)
        self.blanks: bool = () in rests
        self.has_end: bool = not firsts

    def applied_to(self, value: JsonValue) -> JsonValue:
        """Return a value with what the patterns name blanked."""
        if self.blanks:
            return _blank(value)
        if self.has_end:
            return value
        if isinstance(value, dict):
            return self._in_object(value)
        if isinstance(value, list) and self._names is None:
            inner = self._after(_ONE)
            items = [inner.applied_to(each) for each in value]
            return items if _differ(items, value) else value
        return value

    def _in_object(self, value: dict[str, JsonValue]) -> JsonValue:
        result = value
        for name in [*value] if self._names is None else self._names:
            if name not in value:
                continue
            there = value[name]
            shown = self._after(name).applied_to(there)
            if shown is not there:
                if result is value:
                    result = dict(value)
                result[name] = shown
        return result

    def _after(self, name: str) -> "_State":
        known = name if any(name in rest for rest in self._rests) else _ONE
        found = self._next.get(known)
        if found is None:
            found = self._next[known] = _state(_advanced(self._rests, known), self._known)
        return found


def _advanced(rests: Iterable[Pattern], name: str) -> set[Pattern]:
    """Return what is left of each pattern after one more member."""
    left = set()
    for rest in rests:
        if rest and rest[0] == _ANY:
            left.add(rest)
        elif rest and rest[0] in (_ONE, name):
            left.add(rest[1:])
    return left


def _state(rests: set[Pattern], known: dict[frozenset[Pattern], _State]) -> _State:
    for rest in [*rests]:
        while rest and rest[0] == _ANY:  # which may stand for no member
            rest = rest[1:]
            rests.add(rest)
    key = frozenset(rests)
    found = known.get(key)
    if found is None:
        found = known[key] = _State(key, known)
    return found


@lru_cache(maxsize=512)  # the rules of a few policies
def _start(patterns: tuple[Pattern, ...]) -> _State:
    return _state(set(patterns), {})


def _differ(new: Iterable[JsonValue], old: Iterable[JsonValue]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))


def _blank(value: JsonValue) -> JsonValue:
    """Return a value of the same type that tells nothing."""
    if isinstance(value, dict):
        return {name: _blank(member) for name, member in value.items()}
    return _without_content(value)


def _without_content(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return ""
        case bool():
            return False
        case int():
            return 0
        case float():
            return 0.0
        case list():
            return []
        case dict():
            return {}
    return None
