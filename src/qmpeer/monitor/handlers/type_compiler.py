"""Annotations: which type of a schema the type of a Python parameter or field asks for.

=====================================  ==========================================================
annotation                             on the wire
=====================================  ==========================================================
``str``, ``bool``, ``None``            string, boolean, null
``int``                                integer of 64 bits; narrower ones are in `types`
``float``                              number, integers too; given as a float
``int | float``                        number, given as it is
``Any``, ``object``, ``JsonValue``     anything
``list[T]``, ``Sequence[T]``           array
``dict[str, T]``, ``Mapping[str, T]``  object with any members
``Literal["a", "b"]``, an Enum         string, one of these; an Enum by its values
TypedDict, dataclass, msgspec.Struct   object with these members and no others
a union                                alternate: which one it is, the JSON type says
=====================================  ==========================================================

The names of a dataclass's and a Struct's fields change as those of parameters do, but for those
that a Struct renames itself; the keys of a TypedDict stay as they are.

``X | None`` with the default None is an optional X: it may be missing, and null is refused, as QMP
has it. Null is taken where the default is another, where the union has more types than these two,
and in a named alternate such as `types.StrOrNull`.
"""

import collections.abc
import dataclasses
import enum
import functools
import operator
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, NewType, Union, get_args, get_origin

import msgspec

from qmpeer.monitor.handlers.conversion import (
    Convert,
    Part,
    alternate_conversion,
    enum_conversion,
    list_conversion,
    map_conversion,
    members_conversion,
    struct_conversion,
    to_float,
    to_uint64,
)
from qmpeer.monitor.handlers.schema_types import ANY, SchemaTypes
from qmpeer.monitor.handlers.type_hints import class_hints, struct_names, wire_name
from qmpeer.monitor.handlers.types import Alternate, Signed, Unsigned
from qmpeer.schema import BUILT_INS, BuiltIn, Member
from qmpeer.schema.value_checks import (
    SIMPLE_CHECKS,
    Check,
    Field,
    Fields,
    alternate_check,
    array_check,
    enum_check,
    integer_check,
    map_check,
    object_check,
)
from qmpeer.values import UnsetType

REQUIRED: Final = object()
"""The default of a member that has none."""


class CompiledType(NamedTuple):
    """Hold what an annotation was compiled to.

    Attributes:
        type_name: The name of the type in the schema.
        check: Refuses a value that doesn't fit.
        convert: Turns one that does into what the annotation asks for.
        json: The Python types of the JSON values that it is for.
        word: What to call it in the name of an alternate.
        simple: A Python type all of whose values fit.
    """

    type_name: str
    check: Check
    convert: Convert
    json: frozenset[type]
    word: str
    simple: type | None = None


class CompiledMember(NamedTuple):
    """Hold what one member of an object, or one argument of a command, was compiled to."""

    field: Field
    part: Part
    member: Member


_UNIONS: Final = (Union, types.UnionType)
_ARRAYS: Final = (list, collections.abc.Sequence)
_OBJECTS: Final = (dict, collections.abc.Mapping)
_ANY: Final = (
    Any,
    object,
    bool | int | float | str | list[Any] | dict[str, Any] | None,  # what JsonValue resolves to
)
_NUMBER: Final = frozenset({int, float})


def _simple(name: str, json: frozenset[type], convert: Convert = None) -> CompiledType:
    simple, check = SIMPLE_CHECKS[name]
    return CompiledType(name, check, convert, json, name, simple)


def _integer(name: str) -> CompiledType:
    of = BUILT_INS[name]
    assert isinstance(of, BuiltIn)
    convert = to_uint64 if of.low == 0 else None  # those of fewer bits are never negative
    return CompiledType(name, integer_check(of), convert, _NUMBER, "int")


_ANYTHING: Final = _simple("any", frozenset({bool, int, float, str, list, dict, type(None)}))
_NUMBERS: Final = _simple("number", _NUMBER)
_SIMPLE: Final[dict[object, CompiledType]] = {
    str: _simple("str", frozenset({str})),
    bool: _simple("bool", frozenset({bool})),
    int: _integer("int"),
    float: _simple("number", _NUMBER, to_float),
    type(None): _simple("null", frozenset({type(None)})),
}


class TypeCompiler:
    """A compiler of annotations, each class once, even where it contains itself.

    Args:
        types: Takes the types that it makes of them.
    """

    def __init__(self, types: SchemaTypes) -> None:
        self._types = types
        self._classes: dict[type, CompiledType] = {}

    def member(self, wire: str, name: str, annotation: object, default: object) -> CompiledMember:
        """Compile one member of a struct, or one argument of a command.

        Args:
            wire: Its name on the wire.
            name: Its name in Python.
            annotation: Its type.
            default: Its default in Python; REQUIRED where it has none, and ``...`` where it has
                one that isn't known.

        Raises:
            TypeError: If the annotation is no type of QMP's.
        """
        is_optional = default is not REQUIRED
        if is_optional:
            annotation = _present(annotation, default)
        try:
            of = self.compile(annotation, hint=wire)
        except TypeError as error:
            raise TypeError(f"{name!r}: {error}") from error
        return CompiledMember(
            Field(wire, of.simple, of.check, is_optional),
            Part(wire, name, of.convert),
            Member(wire, of.type_name, is_optional),
        )

    def compile(self, annotation: Any, name: str | None = None, hint: str = "") -> CompiledType:
        """Compile an annotation.

        Args:
            annotation: As function_hints() gives it.
            name: What to call it if it is an alternate.
            hint: What it is for; a type that has no name gets one after that.

        Raises:
            TypeError: If it is no type of QMP's.
        """
        if annotation in _ANY:
            return _ANYTHING
        if isinstance(annotation, NewType):
            return self.compile(annotation.__supertype__, name or annotation.__name__, hint)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._annotated(args[0], args[1:], name, hint)
        if origin in _UNIONS:
            return self._alternate(args, name, hint)
        if origin is Literal:
            return self._literal(args, hint)
        if (origin or annotation) in _ARRAYS:
            return self._array(self.compile(args[0], hint=hint) if args else _ANYTHING)
        if (origin or annotation) in _OBJECTS:
            if args and args[0] is not str:
                raise TypeError(f"the keys of {annotation} are not strings")
            of = self.compile(args[1], hint=hint) if args else _ANYTHING
            check, convert = map_check(of.check), map_conversion(of.convert)
            return CompiledType(ANY, check, convert, frozenset({dict}), "object")
        if isinstance(annotation, type):
            return self._class(annotation)
        raise TypeError(f"{annotation!r} is no type that QMP has")

    def _annotated(
        self, base: Any, metadata: Sequence[object], name: str | None, hint: str
    ) -> CompiledType:
        for item in metadata:
            if isinstance(item, Alternate):
                name = item.name
            elif isinstance(item, Signed | Unsigned):
                if base is not int:
                    raise TypeError(f"{item} is for int, not for {base!r}")
                kind = "int" if isinstance(item, Signed) else "uint"
                return _integer(f"{kind}{item.bits}")
        return self.compile(base, name, hint)

    def _array(self, of: CompiledType) -> CompiledType:
        return CompiledType(
            self._types.array(of.type_name),
            array_check(of.check),
            list_conversion(of.convert),
            frozenset({list}),
            f"[{of.word}]",
        )

    def _alternate(self, args: Sequence[Any], name: str | None, hint: str) -> CompiledType:
        if any(arg in _ANY for arg in args):
            return _ANYTHING
        if int in args and float in args:
            members = [self.compile(arg, hint=hint) for arg in args if arg not in (int, float)]
            members.append(_NUMBERS)
        else:
            members = [self.compile(arg, hint=hint) for arg in args]
        checks = {json: member.check for member in members for json in member.json}
        if len(checks) < sum(len(member.json) for member in members):
            raise TypeError(f"two types of {' | '.join(map(str, args))} are the same in JSON")
        if len(members) == 1:  # int | float
            return members[0]
        word = name or "|".join(member.word for member in members)
        conversions = {json: member.convert for member in members for json in member.json}
        return CompiledType(
            self._types.alternate(name or hint, {m.word: m.type_name for m in members}),
            alternate_check(checks, word),
            alternate_conversion(conversions),
            frozenset(checks),
            word,
        )

    def _literal(self, values: Sequence[object], hint: str) -> CompiledType:
        strings = [value for value in values if isinstance(value, str)]
        if len(set(strings)) < len(values):
            raise TypeError(
                f"the values of Literal{list(values)} are not strings, or not all different"
            )
        return self._enum(hint, strings, None, "str")

    def _enum(self, name: str, values: Sequence[str], convert: Convert, word: str) -> CompiledType:
        of = self._types.enum(name, values)
        return CompiledType(of, enum_check(values, {}), convert, frozenset({str}), word)

    def _class(self, cls: type) -> CompiledType:
        if cls in _SIMPLE:
            return _SIMPLE[cls]
        if cls in self._classes:
            return self._classes[cls]
        if issubclass(cls, enum.Enum):
            members = {item.value: item for item in cls.__members__.values()}
            if not all(isinstance(value, str) for value in members):
                raise TypeError(f"the values of {cls.__qualname__} are not strings")
            convert = enum_conversion(members)
            self._classes[cls] = self._enum(cls.__name__, list(members), convert, cls.__name__)
            return self._classes[cls]
        if hasattr(cls, "__required_keys__"):
            return self._struct(cls, self.keys, dict)
        if dataclasses.is_dataclass(cls):
            return self._struct(cls, self._dataclass_fields, cls)
        if issubclass(cls, msgspec.Struct):
            return self._struct(cls, self._struct_fields, cls)
        raise TypeError(f"{cls.__qualname__} is no type that QMP has")

    def _struct(
        self,
        cls: type,
        members_of: Callable[[Any], list[CompiledMember]],
        build: Callable[..., object],
    ) -> CompiledType:
        """Compile a class. What refers to it meanwhile, from within itself, looks it up later."""
        json, fields = frozenset({dict}), Fields()
        name = self._types.reserve(cls.__name__)
        check = object_check(fields)

        def convert_later(value: Any) -> Any:
            convert = self._classes[cls].convert
            return value if convert is None else convert(value)

        self._classes[cls] = CompiledType(name, check, convert_later, json, cls.__name__)
        try:
            members = members_of(cls)
        except BaseException:
            del self._classes[cls]
            raise
        fields_of(members, fields)
        parts = [member.part for member in members]
        self._types.struct(name, [member.member for member in members])
        if build is not dict:
            convert = struct_conversion(parts, build)
        elif any(part.convert for part in parts):
            convert = members_conversion(parts)
        else:
            convert = None
        self._classes[cls] = CompiledType(name, check, convert, json, cls.__name__)
        return self._classes[cls]

    def keys(self, cls: Any) -> list[CompiledMember]:
        """Compile a TypedDict's keys, which are members of it or of what unpacks it."""
        members = []
        for name, annotation in class_hints(cls).items():
            hint, is_required = annotation, name in cls.__required_keys__
            while get_origin(hint) in (typing.Required, typing.NotRequired):
                is_required = get_origin(hint) is typing.Required
                (hint,) = get_args(hint)
            members.append(self.member(name, name, hint, REQUIRED if is_required else ...))
        return members

    def _dataclass_fields(self, cls: Any) -> list[CompiledMember]:
        hints = class_hints(cls)
        members = []
        for field in dataclasses.fields(cls):
            default: object = field.default
            if default is dataclasses.MISSING:
                default = REQUIRED if field.default_factory is dataclasses.MISSING else ...
            if field.init:
                members.append(
                    self.member(wire_name(field.name), field.name, hints[field.name], default)
                )
        return members

    def _struct_fields(self, cls: Any) -> list[CompiledMember]:
        if cls.__struct_config__.tag is not None:
            raise TypeError(f"{cls.__qualname__} has a tag, which QMP has no use for")
        hints = class_hints(cls)
        fields = msgspec.structs.fields(cls)
        return [
            self.member(wire, name, hints[name], REQUIRED if field.required else field.default)
            for (wire, name), field in zip(struct_names(cls), fields, strict=True)
        ]


def fields_of(members: Sequence[CompiledMember], fields: Fields) -> Fields:
    """Fill the fields of an object type.

    Raises:
        TypeError: If two members have one name on the wire, or in Python.
    """
    wires = [member.part.wire for member in members]
    names = {member.part.name for member in members}
    if len(set(wires)) < len(wires) or len(names) < len(wires):
        raise TypeError(f"two of the members {', '.join(wires)} have one name")
    fields.fields = tuple(member.field for member in members)
    return fields


def _present(annotation: Any, default: object) -> Any:
    """Return the type of an optional member when it is there."""
    if get_origin(annotation) not in _UNIONS:
        return annotation
    args = [arg for arg in get_args(annotation) if arg is not UnsetType]
    if default is None and len(args) == 2:
        args = [arg for arg in args if arg is not type(None)]
    return functools.reduce(operator.or_, args)
