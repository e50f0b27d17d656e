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
    """Give the name on the wire and in Python of each field, in their order.

    A field that the class renames itself has the name that the class says.
    """
    for name, encoded in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        yield wire_name(name) if encoded == name else encoded, name


def class_hints(cls: type) -> dict[str, Any]:
    """Return the annotations of a class's fields or keys, with the names in them looked up.

    Raises:
        TypeError: If a name isn't known where the class was defined.
    """
    return _hints(cls, vars(sys.modules[cls.__module__]))


def function_hints(function: Callable[..., object]) -> dict[str, Any]:
    """Return a handler's annotations, "return" included, with the names in them looked up.

    Raises:
        TypeError: If a name isn't known where the handler was defined.
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
    # JsonValue contains itself; with Any in it, it can be resolved to its end.
    known = {"JsonValue": Any} if scope.get("JsonValue", JsonValue) == JsonValue else None
    try:
        return typing.get_type_hints(owner, localns=known, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{owner.__qualname__}: an annotation can't be resolved: {error}"
        ) from error
