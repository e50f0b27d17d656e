"""The arguments of a command, as its handler's signature defines them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Unpack, get_args, get_origin

from qmpeer.errors import CommandError, ValidationError
from qmpeer.monitor.backend import Context
from qmpeer.monitor.handlers.conversion import MemberConversion, members_conversion
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
    """A reader that turns a command's arguments into keyword arguments for its handler.

    Attributes:
        members: The arguments as members of a schema, in the order in which they are checked.
        conversions: Their conversions, with their names in Python.
        is_open: True if other arguments are accepted, too.
        context_name: The name of the handler's parameter for the context, or None. read() never
            returns it.
        check: Checks the arguments; raises ValidationError.
    """

    __slots__ = (
        "_convert",
        "_empty",
        "_rest",
        "check",
        "context_name",
        "is_open",
        "members",
        "conversions",
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
            # A member must not overwrite another parameter through **rest.
            fields.barred = reserved - {member.conversion.wire for member in members}
        self.members: tuple[Member, ...] = tuple(member.member for member in members)
        self.is_open: bool = rest is not None
        self._rest = ANY if rest is None else rest.type_name
        self.context_name: str | None = context_name
        self.check: ArgumentsCheck = arguments_check(fields)
        self.conversions: tuple[MemberConversion, ...] = tuple(
            member.conversion for member in members
        )
        self._convert = members_conversion(self.conversions, None if rest is None else rest.convert)
        self._empty: dict[str, Any] = {}  # shared by all calls without arguments

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments on the wire, in the order in which they are checked."""
        return tuple(member.name for member in self.members)

    def judge_by(self, check: ArgumentsCheck, types: Mapping[str, str]) -> None:
        """Replace the check of the arguments by a schema's.

        If the annotations require other types than the schema, their own check runs afterwards.

        Args:
            check: The check by the schema's declaration.
            types: The declared type of each argument.
        """
        own = self.check
        differing = {
            member.type for member in self.members if types.get(member.name) != member.type
        }
        # A parameter of any type accepts whatever the schema does.
        if not differing | {self._rest} <= {ANY}:

            def check_both(arguments: JsonObject | None) -> None:
                check(arguments)
                own(arguments)

            self.check = check_both
        else:
            self.check = check

    def read(self, arguments: JsonObject | None) -> dict[str, Any]:
        """Return the keyword arguments for the handler.

        Missing optional arguments are left out. If there are no arguments, all calls return the
        same dict: don't change it.

        Args:
            arguments: The command's arguments, or None if it has none.

        Raises:
            CommandError: If an argument is missing, unexpected or of the wrong type; QEMU's class
                and words.
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

    An argument is optional if its parameter has a default. Its name on the wire is the parameter's
    name, with dashes for underscores and without a trailing underscore. A parameter without
    annotation takes any value. A parameter annotated Context receives the context and isn't an
    argument. ``**rest: T`` takes all other members, each of type T, with unchanged names.
    ``**rest: Unpack[SomeTypedDict]`` takes that TypedDict's members, also with unchanged names.

    Args:
        function: The handler: a function, a method, a functools.partial, anything with a signature.
        types: Compiles the annotations; None makes a compiler for this call only.

    Raises:
        TypeError: If a parameter's type doesn't exist in QMP, or it can't be passed by name.

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
    """Return the names that ``**rest`` must not contain: all parameters, bound ones included."""
    parameters = inspect.signature(underlying(function)).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return frozenset(parameter.name for parameter in parameters if parameter.kind not in kinds)


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
