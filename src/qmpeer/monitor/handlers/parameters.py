"""The arguments of a command, from the signature of the function that answers it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Unpack, get_args, get_origin

from qmpeer.errors import CommandError, ValidationError
from qmpeer.monitor.backend import Context
from qmpeer.monitor.handlers.conversion import Part, members_conversion
from qmpeer.monitor.handlers.schema_types import ANY, SchemaTypes
from qmpeer.monitor.handlers.type_compiler import (
    REQUIRED,
    CompiledMember,
    CompiledType,
    TypeCompiler,
    fields_of,
)
from qmpeer.monitor.handlers.type_hints import function_hints, underlying, wire_name
from qmpeer.schema import ArgumentsCheck, Member
from qmpeer.schema.validation import arguments_check
from qmpeer.schema.value_checks import Fields
from qmpeer.values import JsonObject


class Parameters:
    """Turn a command's arguments into the keyword arguments of its handler.

    Attributes:
        members: The arguments as a schema has them, in the order in which they are judged.
        parts: The same, with their names in Python.
        is_open: There may be others.
        context_name: The name of the handler's parameter that takes the context, None without one.
            It is never among what read() gives.
        check: Judges the arguments; raises ValidationError.
    """

    __slots__ = (
        "_convert",
        "_empty",
        "_rest",
        "check",
        "context_name",
        "is_open",
        "members",
        "parts",
    )

    def __init__(
        self,
        members: list[CompiledMember],
        rest: CompiledType | None = None,
        reserved: frozenset[str] = frozenset(),
        context_name: str | None = None,
    ) -> None:
        fields = fields_of(members, Fields())
        if rest is not None:
            fields.rest = rest.check
            fields.barred = reserved - {member.part.wire for member in members}
        self.members: tuple[Member, ...] = tuple(member.member for member in members)
        self.is_open: bool = rest is not None
        self._rest = ANY if rest is None else rest.type_name
        self.context_name: str | None = context_name
        self.check: ArgumentsCheck = arguments_check(fields)
        self.parts: tuple[Part, ...] = tuple(member.part for member in members)
        self._convert = members_conversion(self.parts, None if rest is None else rest.convert)
        self._empty: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments on the wire, in the order in which they are judged."""
        return tuple(member.name for member in self.members)

    def judge_by(self, check: ArgumentsCheck, types: Mapping[str, str]) -> None:
        """Have the arguments judged by what a schema declares.

        Where the annotations ask for other types than that, they have a say after it.

        Args:
            check: The check of what is declared.
            types: The declared type of each argument.
        """
        own = self.check
        asked = {member.type for member in self.members if types.get(member.name) != member.type}
        if not asked | {self._rest} <= {ANY}:

            def check_both(arguments: JsonObject | None) -> None:
                check(arguments)
                own(arguments)

            self.check = check_both
        else:
            self.check = check

    def read(self, arguments: JsonObject | None) -> dict[str, Any]:
        """Return the keyword arguments to call the handler with.

        Optional ones that are missing are left out. Where there are none at all, the dict is one
        that all calls share: leave it as it is.

        Args:
            arguments: The command's arguments; None when it came without.

        Raises:
            CommandError: If one is missing, ill-typed or unexpected; QEMU's class and words.
        """
        try:
            self.check(arguments)
            return self._convert(arguments) if arguments else self._empty
        except ValidationError as error:
            desc = error.desc
        except RecursionError:
            desc = "Arguments are nested too deeply"
        raise CommandError("GenericError", desc)


def parameters_of(function: Callable[..., object], types: TypeCompiler | None = None) -> Parameters:
    """Read a handler's signature.

    An argument is optional if its parameter has a default. Its name on the wire is the parameter's,
    with dashes for underscores and without an underscore at its end. A parameter without annotation
    takes any value. One with the annotation Context takes the context and is no argument.
    ``**rest: T`` takes all other members, each of type T, under their names as they are;
    ``**rest: Unpack[SomeTypedDict]`` takes that TypedDict's, also as they are.

    Args:
        function: The handler: a function, a method, a functools.partial, anything with a signature.
        types: Compiles the annotations; None where nobody else's types matter.

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
    types = types or TypeCompiler(SchemaTypes())
    hints = function_hints(function)
    members, rest, context_name = list[CompiledMember](), None, None
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
                rest = types.compile(annotation)
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
