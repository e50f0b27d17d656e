"""Compiler of annotations: the schema types of Python parameters and fields.

=====================================  ==========================================================
annotation                             on the wire
=====================================  ==========================================================
``str``, ``bool``, ``None``            string, boolean, null
``int``                                integer of 64 bits; narrower ones are in `types`
``float``                              number, integers too; passed as a float
``int | float``                        number, passed as it is
``Any``, ``object``, ``JsonValue``     anything
``list[T]``, ``Sequence[T]``           array
``dict[str, T]``, ``Mapping[str, T]``  object with any members
``Literal["a", "b"]``, an Enum         string, one of these; an Enum by its values
TypedDict, dataclass, msgspec.Struct   object with these members and no others
a union                                alternate, chosen by the JSON type
=====================================  ==========================================================

The names of a dataclass's and a Struct's fields change as those of parameters do, unless a Struct
renames them itself. The keys of a TypedDict stay unchanged.

``X | None`` with the default None is an optional X: it may be missing, and null is refused, as in
QMP. Null is accepted if the default isn't None, if the union has more than these two types, and in
a named alternate such as `types.StrOrNull`.
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
    MemberConversion,
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
"""The default of a member without a default."""


class CompiledType(NamedTuple):
    """The result of compiling an annotation.

    Attributes:
        type_name: The name of the type in the schema.
        check: Refuses a value that isn't valid.
        convert: Converts a valid value to the annotation's type.
        json: The Python types of its JSON values.
        word: Its name within the name of an alternate.
        simple: A Python type whose values are all valid.
    """

    type_name: str
    check: Check
    convert: Convert
    json: frozenset[type]
    word: str
    simple: type | None = None


class CompiledMember(NamedTuple):
    """The result of compiling one member of an object, or one argument of a command."""

    field: Field
    conversion: MemberConversion
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
    built_in = BUILT_INS[name]
    assert isinstance(built_in, BuiltIn)
    # QEMU accepts a negative integer for 64 bits only. Valid values of narrower types are never
    # negative, so the conversion doesn't change them.
    convert = to_uint64 if built_in.low == 0 else None
    return CompiledType(name, integer_check(built_in), convert, _NUMBER, "int")


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
    """A compiler of annotations. It compiles each class once, even one that contains itself.

    Args:
        types: Collects the resulting types.
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
            default: Its default in Python; REQUIRED if it has none, and ``...`` if it has an
                unknown one.

        Raises:
            TypeError: If QMP has no type for the annotation.
        """
        is_optional = default is not REQUIRED
        if is_optional:
            annotation = _present(annotation, default)
        try:
            compiled = self.compile(annotation, hint=wire)
        except TypeError as error:
            raise TypeError(f"{name!r}: {error}") from error
        return CompiledMember(
            Field(wire, compiled.simple, compiled.check, is_optional),
            MemberConversion(wire, name, compiled.convert),
            Member(wire, compiled.type_name, is_optional),
        )

    def compile(self, annotation: Any, name: str | None = None, hint: str = "") -> CompiledType:
        """Compile an annotation.

        Args:
            annotation: The annotation as function_hints() returns it.
            name: The name if it is an alternate.
            hint: The use of the type, from which a type without a name gets one.

        Raises:
            TypeError: If QMP has no type for it.
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
            values = self.compile(args[1], hint=hint) if args else _ANYTHING
            check, convert = map_check(values.check), map_conversion(values.convert)
            return CompiledType(ANY, check, convert, frozenset({dict}), "object")
        if isinstance(annotation, type):
            return self._class(annotation)
        raise TypeError(f"{annotation!r} is not a type of QMP")

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

    def _array(self, element: CompiledType) -> CompiledType:
        return CompiledType(
            self._types.array(element.type_name),
            array_check(element.check),
            list_conversion(element.convert),
            frozenset({list}),
            f"[{element.word}]",
        )

    def _alternate(self, args: Sequence[Any], name: str | None, hint: str) -> CompiledType:
        if any(arg in _ANY for arg in args):
            return _ANYTHING
        # JSON has only one type for numbers, so these two are no alternate.
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
        type_name = self._types.enum(name, values)
        return CompiledType(type_name, enum_check(values, {}), convert, frozenset({str}), word)

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
        raise TypeError(f"{cls.__qualname__} is not a type of QMP")

    def _struct(
        self,
        cls: type,
        members_of: Callable[[Any], list[CompiledMember]],
        build: Callable[..., object],
    ) -> CompiledType:
        """Compile a class.

        A class that contains itself is entered in the table before its members are compiled. Its
        check reads its fields, and its conversion looks itself up, only when they are called.
        """
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
            # Otherwise a later use would find the unfinished type.
            del self._classes[cls]
            raise
        fields_of(members, fields)
        conversions = [member.conversion for member in members]
        self._types.struct(name, [member.member for member in members])
        if build is not dict:
            convert = struct_conversion(conversions, build)
        elif any(member.convert for member in conversions):
            convert = members_conversion(conversions)
        else:
            convert = None
        self._classes[cls] = CompiledType(name, check, convert, json, cls.__name__)
        return self._classes[cls]

    def keys(self, cls: Any) -> list[CompiledMember]:
        """Compile the keys of a TypedDict, or of ``**rest: Unpack[TypedDict]``."""
        members = []
        for name, annotation in class_hints(cls).items():
            hint, is_required = annotation, name in cls.__required_keys__
            # __required_keys__ ignores these marks if the annotations are strings.
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
            raise TypeError(f"{cls.__qualname__} has a tag, which QMP doesn't support")
        hints = class_hints(cls)
        fields = msgspec.structs.fields(cls)
        return [
            self.member(wire, name, hints[name], REQUIRED if field.required else field.default)
            for (wire, name), field in zip(struct_names(cls), fields, strict=True)
        ]


def fields_of(members: Sequence[CompiledMember], fields: Fields) -> Fields:
    """Fill the fields of an object type.

    Raises:
        TypeError: If two members have the same name on the wire or in Python.
    """
    wires = [member.conversion.wire for member in members]
    names = {member.conversion.name for member in members}
    if len(set(wires)) < len(wires) or len(names) < len(wires):
        raise TypeError(f"two of the members {', '.join(wires)} have the same name")
    fields.fields = tuple(member.field for member in members)
    return fields


def _present(annotation: Any, default: object) -> Any:
    """Return the type of an optional member when it is present."""
    if get_origin(annotation) not in _UNIONS:
        return annotation
    args = [arg for arg in get_args(annotation) if arg is not UnsetType]
    if default is None and len(args) == 2:
        args = [arg for arg in args if arg is not type(None)]
    return functools.reduce(operator.or_, args)
