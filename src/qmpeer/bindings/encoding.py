"""From the types of a binding to JSON: exactly what they hold, unknown members included."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from qmpeer.bindings.decoding import tags_of
from qmpeer.bindings.deprecation import warn_once
from qmpeer.bindings.types import Struct, UnknownBranch
from qmpeer.values import UNSET, JsonObject, JsonValue

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_Warn: TypeAlias = Callable[[type[Struct], str], None] | None


class _Plan(msgspec.Struct, frozen=True):
    """How a struct is encoded: its tags, and the names of its members here and there."""

    tags: dict[str, str]
    members: tuple[tuple[str, str], ...]


_plans: Final[dict[type[Struct], _Plan]] = {}


def encode(value: Any) -> JsonValue:
    """Return a value as JSON; members that are UNSET are left out.

    Raises:
        TypeError: If it is, or holds, nothing that JSON can hold.

    Example:
        >>> class Point(Struct, rename={"x_axis": "x-axis"}):
        ...     x_axis: int
        >>> encode([Point(x_axis=1, extra={"z": 2})])
        [{'x-axis': 1, 'z': 2}]
    """
    return _encode(value, None)


def encode_arguments(value: Any) -> JsonValue:
    """Return what is to be sent as JSON, and warn of deprecated members in it, once each."""
    return _encode(value, _warn)


def _warn(of: type[Struct], name: str) -> None:
    warn_once(f"member {name} of {of.__name__} is deprecated", calls=1)


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
    of = type(value)
    plan = _plans.get(of)
    if plan is None:
        pairs = zip(of.__struct_fields__, of.__struct_encode_fields__, strict=True)
        plan = _plans[of] = _Plan(tags_of(of), tuple(p for p in pairs if p[0] != "extra"))
    result: JsonObject = dict(plan.tags)
    for name, wire in plan.members:
        item = getattr(value, name)
        if item is not UNSET:
            if warn is not None and wire in of.deprecated_members:
                warn(of, wire)
            result[wire] = _encode(item, warn)
    if value.extra:
        result.update(_encode_object(value.extra, warn))
    return result
