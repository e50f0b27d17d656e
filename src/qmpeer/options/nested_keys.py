"""The keyval syntax, whose dotted keys build objects and arrays: ``rules.0.match=x``.

Spec: QEMU's keyval syntax: each part of a key is a name or a number; an object whose keys are all
numbers is an array. There are no flags; ``help`` and ``?`` may stand anywhere. If a key is
repeated, the last one counts.
"""

import re
from typing import Final, NamedTuple

from qmpeer import limits
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.values import JsonObject, JsonValue

_NAME: Final = re.compile(r"(?:__[A-Za-z0-9.-]+_)?[A-Za-z][A-Za-z0-9_-]*")
_INDEX: Final = re.compile(r"[0-9]+")
_KEY: Final = re.compile(r"[^=,]*")
_VALUE: Final = re.compile(r"[^,]*(?:,,[^,]*)*")
_HELP_WORDS: Final = frozenset({"help", "?"})
_LARGEST_INDEX: Final = (1 << 31) - 1


class NestedKeys(NamedTuple):
    """A parsed keyval text: strings in objects and arrays, and whether it asks for help."""

    values: JsonObject
    wants_help: bool


def parse_nested_keys(text: str, *, implied_key: str) -> NestedKeys:
    """Parse a keyval text.

    Args:
        text: The text.
        implied_key: The key of the first value if it has none.

    Raises:
        ChardevError: If the text is malformed, in QEMU's words.

    Example:
        >>> parse_nested_keys("authz-list,rules.0.match=x", implied_key="qom-type").values
        {'qom-type': 'authz-list', 'rules': [{'match': 'x'}]}
    """
    values: JsonObject = {}
    wants_help = False
    at = 0
    while at < len(text):
        end = _end_of(_KEY, text, at)
        word = text[at:end]
        has_value = text[end : end + 1] == "="
        if word in _HELP_WORDS and not has_value:
            wants_help = True
            at = end + 1
        elif word and not has_value and at == 0:
            values[implied_key] = word
            at = end + 1
        else:
            at = _take(values, text, at, word)
    for key, value in values.items():
        values[key] = _listed(value, key)
    return NestedKeys(values, wants_help)


def _take(values: JsonObject, text: str, at: int, word: str) -> int:
    """Parse one key and its value into an object; return the offset of the next key."""
    parts, end = _parts(text, at, word)
    place = values
    for depth, part in enumerate(parts[:-1], 1):
        below = place.setdefault(part, {})
        if not isinstance(below, dict):
            raise _inconsistent(".".join(parts[:depth]))
        place = below
    if text[end : end + 1] != "=":
        raise ChardevError(f"Expected '=' after parameter '{text[at:end]}'")
    value_end = _end_of(_VALUE, text, end + 1)
    if not isinstance(place.get(parts[-1], ""), str):  # "a.b=1,a=2": a is an object already
        raise _inconsistent(".".join(parts))
    place[parts[-1]] = text[end + 1 : value_end].replace(",,", ",")
    return value_end + 1


def _parts(text: str, at: int, word: str) -> tuple[list[str], int]:
    """Split a key into its parts; return them and the offset behind the key."""
    parts: list[str] = []
    end = at
    while not parts or text[end : end + 1] == ".":
        start = end + bool(parts)
        # The first part is never a number: the outermost level is always an object.
        found = (parts and _INDEX.match(text, start)) or _NAME.match(text, start)
        if not found or text[found.end() : found.end() + 1] not in (*".=,", ""):
            raise ChardevError(qemu_texts.invalid(word))
        if len(found[0]) > limits.KEY_PART:
            suffix = " fragment" if parts or found.end() != at + len(word) else ""
            raise ChardevError(f"Parameter{suffix} '{found[0]}' is too long")
        parts.append(found[0])
        end = found.end()
        if len(parts) > limits.KEY_PARTS:
            raise ChardevError(f"there are more than {limits.KEY_PARTS} parts in a key")
    return parts, end


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None  # these patterns match the empty string, too
    return found.end()


def _listed(value: JsonValue, key: str) -> JsonValue:
    """Return a value in which objects with only numbers as keys have become arrays."""
    if not isinstance(value, dict):
        return value
    for name, below in value.items():
        value[name] = _listed(below, f"{key}.{name}")
    indices = [_index(name) for name in value]
    if None not in indices:
        elements = dict(zip(indices, value.values(), strict=True))
        for index in range(len(elements)):
            if index not in elements:
                raise ChardevError(f"Parameter '{key}.{index}' missing")
        return [elements[index] for index in range(len(elements))]
    if any(index is not None for index in indices):
        raise _inconsistent(key)
    return value


def _index(name: str) -> int | None:
    if not _INDEX.fullmatch(name):
        return None
    return min(int(name), _LARGEST_INDEX)


def _inconsistent(key: str) -> ChardevError:
    return ChardevError(f"Parameters '{key}.*' used inconsistently")
