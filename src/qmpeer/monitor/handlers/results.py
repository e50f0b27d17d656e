"""Conversion of a handler's result to the JSON value of the reply."""

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any, Final, get_args

import msgspec

from qmpeer.monitor.handlers.type_hints import class_hints, function_hints, struct_names, wire_name
from qmpeer.values import UNSET, JsonObject, JsonValue

_PLAIN: Final = frozenset({dict, list, str, int, float, bool})


def result_of(function: Callable[..., object]) -> Callable[[object], JsonValue]:
    """Return the function that converts a handler's result to JSON.

    None becomes ``{}``. Dataclasses, msgspec.Structs, Enums and tuples are converted recursively.
    The names of fields change as those of parameters do. A field is left out if its value is UNSET,
    or if it is None and None is its default. A dict, a list and a plain value pass unchanged and
    unchecked, unless the handler's annotation contains other types than JSON's, as in
    ``list[BlockInfo]``.

    Args:
        function: The handler; of an async one, the awaited result is converted.

    Returns:
        The function. It raises TypeError for a value that can't be converted to JSON.

    Raises:
        TypeError: If the handler's annotations can't be resolved.

    Example:
        >>> def query_name() -> dict[str, str]: ...
        >>> result_of(query_name)({"name": "vm1"})
        {'name': 'vm1'}
    """
    name = getattr(function, "__qualname__", None) or repr(function)
    as_they_are = _PLAIN
    if _needs_conversion(function_hints(function).get("return"), set()):
        as_they_are = frozenset()

    def convert(value: object) -> JsonValue:
        if type(value) in as_they_are:
            return value  # type: ignore[return-value]
        if value is None:
            return {}
        try:
            return _json(value)
        except TypeError as error:
            raise TypeError(f"{name}() returned {error}, which isn't JSON") from None

    return convert


def _needs_conversion(annotation: Any, seen: set[object]) -> bool:
    if isinstance(annotation, type) and annotation not in seen:
        seen.add(annotation)
        if hasattr(annotation, "__required_keys__"):
            hints = class_hints(annotation).values()
            return any(_needs_conversion(hint, seen) for hint in hints)
        kinds = (enum.Enum, msgspec.Struct, tuple)
        if issubclass(annotation, kinds) or dataclasses.is_dataclass(annotation):
            return True
    if isinstance(annotation, list):  # the parameters of a Callable
        return False
    return any(_needs_conversion(arg, seen) for arg in get_args(annotation))


def _json(value: Any) -> JsonValue:
    # Enums first: a member of a StrEnum is a str, too.
    if isinstance(value, enum.Enum):
        return _json(value.value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("an object with a key that isn't a string")
        return {str(_json(key)): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, msgspec.Struct):
        defaults = (field.default for field in msgspec.structs.fields(value))
        return _members(value, zip(struct_names(type(value)), defaults, strict=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return _members(value, (((wire_name(f.name), f.name), f.default) for f in fields))
    raise TypeError(f"an object of type {type(value).__qualname__}")


def _members(value: object, fields: Iterable[tuple[tuple[str, str], object]]) -> JsonObject:
    result: JsonObject = {}
    for (wire, name), default in fields:
        member = getattr(value, name)
        if member is not UNSET and not (member is None and default is None):
            result[wire] = _json(member)
    return result
