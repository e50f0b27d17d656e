"""The encoder of a binding's types to JSON, including their unknown members."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from qmpeer.bindings.decoding import tags_of
from qmpeer.bindings.deprecation import warn_once
from qmpeer.bindings.types import Struct, UnknownBranch
from qmpeer.values import UNSET, JsonObject, JsonValue

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_Warn: TypeAlias = Callable[[type[Struct], str], None] | None


class _StructEncoding(msgspec.Struct, frozen=True):
    """The encoding of a struct type: its tags, and its members' names in Python and on the wire."""

    tags: dict[str, str]
    members: tuple[tuple[str, str], ...]


_encodings: Final[dict[type[Struct], _StructEncoding]] = {}


def encode(value: Any) -> JsonValue:
    """Return a value as JSON; UNSET members are left out.

    Raises:
        TypeError: If it is or holds a value that JSON can't express.

    Example:
        >>> class Point(Struct, rename={"x_axis": "x-axis"}):
        ...     x_axis: int
        >>> encode([Point(x_axis=1, extra={"z": 2})])
        [{'x-axis': 1, 'z': 2}]
    """
    return _encode(value, None)


def encode_arguments(value: Any) -> JsonValue:
    """Return arguments as JSON, and warn of deprecated members, once each."""
    return _encode(value, _warn)


def _warn(struct: type[Struct], name: str) -> None:
    warn_once(f"member {name} of {struct.__name__} is deprecated", calls=1)


def _encode(value: Any, warn: _Warn) -> JsonValue:
    kind = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[no-any-return]
    if kind is list or kind is tuple:
        return [_encode(item, warn) for item in value]
    if kind is dict:
        return {name: _encode(item, warn) for name, item in value.items()}
    if isinstance(value, Struct):
        return _encode_struct(value, warn)
    if isinstance(value, UnknownBranch):
        tag_field = str(value.__struct_config__.tag_field)
        return {tag_field: value.tag, **_encode_object(value.members, warn)}
    if isinstance(value, str | int | float):
        return value
    raise TypeError(f"found {value!r}, expected a value of a binding's type or of JSON")


def _encode_object(members: dict[str, Any], warn: _Warn) -> JsonObject:
    return {name: _encode(item, warn) for name, item in members.items()}


def _encode_struct(value: Struct, warn: _Warn) -> JsonObject:
    struct = type(value)
    encoding = _encodings.get(struct)
    if encoding is None:
        pairs = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
        members = tuple(pair for pair in pairs if pair[0] != "extra")
        encoding = _encodings[struct] = _StructEncoding(tags_of(struct), members)
    result: JsonObject = dict(encoding.tags)
    for name, wire in encoding.members:
        item = getattr(value, name)
        if item is not UNSET:
            if warn is not None and wire in struct.deprecated_members:
                warn(struct, wire)
            result[wire] = _encode(item, warn)
    if value.extra:
        result.update(_encode_object(value.extra, warn))
    return result
