"""The annotations of handlers and structs, and the names of their parameters and fields."""

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from qmpeer.values import JsonValue


def wire_name(name: str) -> str:
    """Return the name on the wire of a Python parameter or field.

    Example:
        >>> wire_name("memory_size"), wire_name("class_")
        ('memory-size', 'class')
    """
    return name.removesuffix("_").replace("_", "-")


def struct_names(cls: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield each field's name on the wire and in Python, in order.

    If the class renames a field itself, that name is the one on the wire.
    """
    for name, encoded in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        yield wire_name(name) if encoded == name else encoded, name


def class_hints(cls: type) -> dict[str, Any]:
    """Return the annotations of a class's fields or keys, with all names resolved.

    Raises:
        TypeError: If a name isn't defined in the class's module.
    """
    return _hints(cls, vars(sys.modules[cls.__module__]))


def function_hints(function: Callable[..., object]) -> dict[str, Any]:
    """Return a handler's annotations, "return" included, with all names resolved.

    Raises:
        TypeError: If a name isn't defined in the handler's module.
    """
    function = underlying(function)
    return _hints(function, getattr(inspect.unwrap(function), "__globals__", {}))


def underlying(function: Callable[..., object]) -> Callable[..., object]:
    """Return the plain function in a partial, a method or an object that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    return getattr(function, "__func__", function)


def _hints(owner: Any, scope: Mapping[str, object]) -> dict[str, Any]:
    # JsonValue contains itself. With Any in its place, get_type_hints() comes to an end.
    known = {"JsonValue": Any} if scope.get("JsonValue", JsonValue) == JsonValue else None
    try:
        return typing.get_type_hints(owner, localns=known, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{owner.__qualname__}: an annotation can't be resolved: {error}"
        ) from error
