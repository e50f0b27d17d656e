"""The arguments of a command, from the signature of the function that answers it."""

import inspect
from collections.abc import Callable
from typing import Any, Final, Unpack, get_args, get_origin

from qmpeer.errors import CommandError
from qmpeer.monitor.annotations import REQUIRED, Types
from qmpeer.monitor.backend import Context
from qmpeer.monitor.hints import function_hints, underlying, wire_name
from qmpeer.monitor.readers import Member, Reader, Refusal, struct_reader
from qmpeer.monitor.results import result_of
from qmpeer.values import JsonObject

__all__ = ["Parameters", "parameters_of", "result_of"]

_NOTHING: Final[JsonObject] = {}


class Parameters:
    """Turn a command's arguments into the keyword arguments of its handler.

    Attributes:
        names: The names of the arguments on the wire, in the order in which they are read.
        context_name: The name of the handler's parameter that takes the context, None without one.
            It is never among what read() gives.
    """

    __slots__ = ("_all_optional", "_empty", "_read", "context_name", "names")

    def __init__(
        self,
        members: list[Member],
        rest: Reader | None = None,
        reserved: frozenset[str] = frozenset(),
        context_name: str | None = None,
    ) -> None:
        self.names: tuple[str, ...] = tuple(member.wire for member in members)
        self.context_name: str | None = context_name
        self._read = struct_reader(members, rest, reserved)
        self._all_optional = all(member.is_optional for member in members)
        self._empty: dict[str, object] = {}

    def read(self, arguments: JsonObject | None) -> dict[str, object]:
        """Return the keyword arguments to call the handler with.

        Optional ones that are missing are left out. Where there are none at all, the dict is one
        that all calls share: leave it as it is.

        Args:
            arguments: The command's arguments; None when it came without.

        Raises:
            CommandError: If one is missing, ill-typed or unexpected; QEMU's class and words.
        """
        if not arguments and self._all_optional:
            return self._empty
        try:
            return self._read(arguments or _NOTHING)
        except Refusal as refusal:
            error = refusal.error()
        except RecursionError:
            error = CommandError("GenericError", "Arguments are nested too deeply")
        raise error


def parameters_of(function: Callable[..., object]) -> Parameters:
    """Read a handler's signature.

    An argument is optional if its parameter has a default. Its name on the wire is the parameter's,
    with dashes for underscores and without an underscore at its end. A parameter without annotation
    takes any value. One with the annotation Context takes the context and is no argument.
    ``**rest: T`` takes all other members, each of type T, under their names as they are;
    ``**rest: Unpack[SomeTypedDict]`` takes that TypedDict's, also as they are.

    Args:
        function: The handler: a function, a method, a functools.partial, anything with a signature.

    Raises:
        TypeError: If a parameter has a type that QMP doesn't have, or can't be given by name.

    Example:
        >>> def screendump(filename: str, head: int | None = None) -> None: ...
        >>> parameters = parameters_of(screendump)
        >>> parameters.names
        ('filename', 'head')
        >>> parameters.read({"filename": "a"})
        {'filename': 'a'}
        >>> parameters.read({"head": 1})
        Traceback (most recent call last):
        qmpeer.errors.CommandError: GenericError: Parameter 'filename' is missing
    """
    hints = function_hints(function)
    types, members, rest, context_name = Types(), list[Member](), None, None
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = hints.get(name, Any)
        try:
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                raise TypeError(f"{str(parameter)!r} can't be given by name")
            if annotation is Context:
                context_name = name
            elif parameter.kind is not parameter.VAR_KEYWORD:
                default = REQUIRED if parameter.default is parameter.empty else parameter.default
                members.append(types.member(wire_name(name), name, annotation, default))
            elif get_origin(annotation) is Unpack:
                members += types.keys(*get_args(annotation))
            else:
                rest = types.compile(annotation).read
        except TypeError as error:
            raise TypeError(f"{_name(function)}(): parameter {error}") from error
    return Parameters(members, rest, _parameter_names(function), context_name)


def _parameter_names(function: Callable[..., object]) -> frozenset[str]:
    """Return what ``**rest`` can't be given: the parameters, those already bound included."""
    parameters = inspect.signature(underlying(function)).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return frozenset(parameter.name for parameter in parameters if parameter.kind not in kinds)


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
