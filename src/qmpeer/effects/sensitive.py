"""Sensitive members of a command's arguments, found by compiled patterns.

The patterns of a command become an automaton whose states are made when they are first needed. A
state is the rest of each pattern, on the way to a member. Ways with the same rests share a state,
so arguments can't make many of them.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from qmpeer.effects.command_effects import CommandEffects
from qmpeer.values import JsonObject, JsonValue

_Path: TypeAlias = tuple[str | int, ...]
_Rests: TypeAlias = frozenset[tuple[str, ...]]

_ONE: Final = "*"
_ANY: Final = "**"
_OUT: Final = "!"


def sensitive_members(effects: CommandEffects, arguments: JsonObject) -> Iterator[_Path]:
    """Find the sensitive members that are in a command's arguments.

    Args:
        effects: The command's effects.
        arguments: Its arguments, decoded.

    Yields:
        The path of each sensitive value that has no members of its own: names of members, and
        indices of lists, from the outside in.

    Example:
        >>> from qmpeer.effects import effects_of
        >>> add = effects_of("blockdev-add")
        >>> node = {"node-name": "a", "driver": "raw", "file": {"filename": "/etc/passwd"}}
        >>> [*sensitive_members(add, node)]
        [('driver',), ('file', 'filename')]
    """
    if not effects.sensitive:
        return
    # A stack of our own: arguments may be nested deeper than Python's.
    state = _start(effects.sensitive)
    left: list[tuple[_State, _Path, JsonValue]] = [
        (state.after(name), (name,), value) for name, value in reversed(arguments.items())
    ]
    while left:
        state, path, value = left.pop()
        if isinstance(value, dict) and value:
            left.extend(
                (state.after(name), (*path, name), member)
                for name, member in reversed(value.items())
            )
        elif isinstance(value, list) and value:
            inner = state.after(_ONE)
            left.extend(
                (inner, (*path, index), value[index]) for index in reversed(range(len(value)))
            )
        elif state.is_sensitive:
            yield path


def is_sensitive(effects: CommandEffects, path: Sequence[str]) -> bool:
    """Return True if a member is sensitive; in its path, "*" is each element of a list.

    Example:
        >>> from qmpeer.effects import effects_of
        >>> is_sensitive(effects_of("blockdev-add"), ("file", "filename"))
        True
    """
    state = _start(effects.sensitive)
    for name in path:
        state = state.after(name)
    return bool(path) and state.is_sensitive


class _State:
    """The rest of each pattern, on the way to a member.

    Args:
        take: The rests of the patterns that take members.
        out: The rests of the exceptions.
        is_inside: True if a pattern has taken a member around this one.
        known: All states of these patterns.
    """

    __slots__ = ("_inside", "_known", "_names", "_next", "_out", "_take", "is_sensitive")

    def __init__(
        self, take: _Rests, out: _Rests, is_inside: bool, known: "dict[object, _State]"
    ) -> None:
        self._take = take
        self._out = out
        self._inside = is_inside or () in take or (_ANY,) in take
        self._known = known
        self._names = {rest[0] for rest in take | out if rest} - {_ONE, _ANY}
        self._next: dict[str, _State] = {}
        self.is_sensitive: bool = self._inside and not (() in out or (_ANY,) in out)

    def after(self, name: str) -> "_State":
        """Return the state of a member inside this one; an element of a list is called "*"."""
        if name not in self._names:
            name = _ONE  # no pattern has it
        found = self._next.get(name)
        if found is None:
            found = self._next[name] = self._step(name)
        return found

    def _step(self, name: str) -> "_State":
        key = (_advanced(self._take, name), _advanced(self._out, name), self._inside)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _State(*key, self._known)
        return found


def _advanced(patterns: _Rests, name: str) -> _Rests:
    """Return the rest of each pattern after one more name."""
    left = {rest for rest in patterns if rest and rest[0] == _ANY}
    left |= {rest[1:] for rest in patterns if rest and rest[0] in {_ONE, name}}
    return _with_none(left)


def _with_none(patterns: set[tuple[str, ...]]) -> _Rests:
    """Add the patterns with ``**`` as no member at all."""
    for rest in [*patterns]:
        while len(rest) > 1 and rest[0] == _ANY:
            rest = rest[1:]
            patterns.add(rest)
    return frozenset(patterns)


@lru_cache(maxsize=512)  # more than the table has, with those of an embedder
def _start(patterns: tuple[str, ...]) -> _State:
    take = {tuple(each.split(".")) for each in patterns if not each.startswith(_OUT)}
    out = {tuple(each[1:].split(".")) for each in patterns if each.startswith(_OUT)}
    return _State(_with_none(take), _with_none(out), False, {})
