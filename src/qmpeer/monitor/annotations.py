"""Annotations: which reader the type of a Python parameter or field asks for.

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

from qmpeer.errors import CommandError
from qmpeer.monitor.hints import class_hints, struct_names, wire_name
from qmpeer.monitor.readers import (
    Member,
    Reader,
    alternate_reader,
    enum_reader,
    integer_reader,
    list_reader,
    object_reader,
    read_any,
    read_boolean,
    read_float,
    read_integer,
    read_null,
    read_number,
    read_string,
    struct_reader,
    wrong_type,
)
from qmpeer.monitor.types import Alternate, Signed, Unsigned
from qmpeer.values import JsonValue, UnsetType

__all__ = ["REQUIRED", "TypeReader", "Types"]

REQUIRED: Final = object()
"""The default of a member that has none."""


class TypeReader(NamedTuple):
    """Hold what an annotation was compiled to.

    Attributes:
        read: Takes the JSON value.
        json: The Python types of the JSON values that it is for.
        word: What to call it in the name of an alternate.
    """

    read: Reader
    json: frozenset[type]
    word: str


_UNIONS: Final = (Union, types.UnionType)
_ARRAYS: Final = (list, collections.abc.Sequence)
_OBJECTS: Final = (dict, collections.abc.Mapping)
_ANY: Final = (
    Any,
    object,
    bool | int | float | str | list[Any] | dict[str, Any] | None,  # what JsonValue resolves to
)
_NUMBER: Final = frozenset({int, float})
_SIMPLE: Final[dict[object, TypeReader]] = {
    str: TypeReader(read_string, frozenset({str}), "str"),
    bool: TypeReader(read_boolean, frozenset({bool}), "bool"),
    int: TypeReader(read_integer, _NUMBER, "int"),
    float: TypeReader(read_float, _NUMBER, "number"),
    type(None): TypeReader(read_null, frozenset({type(None)}), "null"),
}
_ANYTHING: Final = TypeReader(
    read_any, frozenset({bool, int, float, str, list, dict, type(None)}), "any"
)


class Types:
    """Compile annotations to readers, each struct once, even where it contains itself."""

    def __init__(self) -> None:
        self._structs: dict[type, TypeReader] = {}

    def member(self, wire: str, name: str, annotation: object, default: object) -> Member:
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
        if default is not REQUIRED:
            annotation = _present(annotation, default)
        try:
            return Member(wire, name, self.compile(annotation).read, default is not REQUIRED)
        except TypeError as error:
            raise TypeError(f"{name!r}: {error}") from error

    def compile(self, annotation: Any, name: str | None = None) -> TypeReader:
        """Compile an annotation.

        Args:
            annotation: As function_hints() gives it.
            name: What to call it if it is an alternate.

        Raises:
            TypeError: If it is no type of QMP's.
        """
        if annotation in _ANY:
            return _ANYTHING
        if isinstance(annotation, NewType):
            return self.compile(annotation.__supertype__, name or annotation.__name__)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._annotated(args[0], args[1:], name)
        if origin in _UNIONS:
            return self._alternate(args, name)
        if origin is Literal:
            return _literal(args)
        if (origin or annotation) in _ARRAYS:
            item = self.compile(*args) if args else _ANYTHING
            return TypeReader(list_reader(item.read), frozenset({list}), f"[{item.word}]")
        if (origin or annotation) in _OBJECTS:
            if args and args[0] is not str:
                raise TypeError(f"the keys of {annotation} are not strings")
            item = self.compile(args[1]) if args else _ANYTHING
            return TypeReader(object_reader(item.read), frozenset({dict}), "object")
        if isinstance(annotation, type):
            return self._class(annotation)
        raise TypeError(f"{annotation!r} is no type that QMP has")

    def _annotated(self, base: Any, metadata: Sequence[object], name: str | None) -> TypeReader:
        for item in metadata:
            if isinstance(item, Alternate):
                name = item.name
            elif isinstance(item, Signed | Unsigned):
                if base is not int:
                    raise TypeError(f"{item} is for int, not for {base!r}")
                return TypeReader(integer_reader(item), _NUMBER, "int")
        return self.compile(base, name)

    def _alternate(self, args: Sequence[Any], name: str | None) -> TypeReader:
        if any(arg in _ANY for arg in args):
            return _ANYTHING
        members = [self.compile(arg) for arg in args if arg not in (int, float)]
        if int in args and float in args:
            members.append(TypeReader(read_number, _NUMBER, "number"))
        else:
            members = [self.compile(arg) for arg in args]
        readers = {json: member.read for member in members for json in member.json}
        if len(readers) < sum(len(member.json) for member in members):
            raise TypeError(f"two types of {' | '.join(map(str, args))} are the same in JSON")
        name = name or "|".join(member.word for member in members)
        return TypeReader(alternate_reader(readers, name), frozenset(readers), name)

    def _class(self, cls: type) -> TypeReader:
        if cls in _SIMPLE:
            return _SIMPLE[cls]
        if cls in self._structs:
            return self._structs[cls]
        if issubclass(cls, enum.Enum):
            members = {item.value: item for item in cls.__members__.values()}
            if not all(isinstance(value, str) for value in members):
                raise TypeError(f"the values of {cls.__qualname__} are not strings")
            return TypeReader(enum_reader(members), frozenset({str}), cls.__name__)
        if hasattr(cls, "__required_keys__"):
            return self._struct(cls, self.keys)
        if dataclasses.is_dataclass(cls):
            return self._struct(cls, self._dataclass_fields, build=cls)
        if issubclass(cls, msgspec.Struct):
            return self._struct(cls, self._struct_fields, build=cls)
        raise TypeError(f"{cls.__qualname__} is no type that QMP has")

    def _struct(
        self,
        cls: type,
        members_of: Callable[[Any], list[Member]],
        build: Callable[..., object] = dict,
    ) -> TypeReader:
        """Compile a class. Meanwhile a reference to it, from within itself, is read later on."""
        json = frozenset({dict})

        def read_later(value: JsonValue) -> object:
            return self._structs[cls].read(value)

        self._structs[cls] = TypeReader(read_later, json, cls.__name__)
        read_members = struct_reader(members_of(cls))

        def read_struct(value: JsonValue) -> object:
            if type(value) is not dict:
                raise wrong_type("object")
            members = read_members(value)
            try:
                return build(**members)
            except ValueError as error:  # what its own checks found
                raise CommandError("GenericError", str(error)) from error

        self._structs[cls] = TypeReader(read_struct, json, cls.__name__)
        return self._structs[cls]

    def keys(self, cls: Any) -> list[Member]:
        """Compile a TypedDict's keys, which are members of it or of what unpacks it."""
        members = []
        for name, annotation in class_hints(cls).items():
            hint, is_required = annotation, name in cls.__required_keys__
            while get_origin(hint) in (typing.Required, typing.NotRequired):
                is_required = get_origin(hint) is typing.Required
                (hint,) = get_args(hint)
            members.append(self.member(name, name, hint, REQUIRED if is_required else ...))
        return members

    def _dataclass_fields(self, cls: Any) -> list[Member]:
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

    def _struct_fields(self, cls: Any) -> list[Member]:
        if cls.__struct_config__.tag is not None:
            raise TypeError(f"{cls.__qualname__} has a tag, which QMP has no use for")
        hints = class_hints(cls)
        fields = msgspec.structs.fields(cls)
        return [
            self.member(wire, name, hints[name], REQUIRED if field.required else field.default)
            for (wire, name), field in zip(struct_names(cls), fields, strict=True)
        ]


def _literal(values: Sequence[object]) -> TypeReader:
    members = {value: value for value in values if isinstance(value, str)}
    if len(members) < len(values):
        raise TypeError(
            f"the values of Literal{list(values)} are not strings, or not all different"
        )
    return TypeReader(enum_reader(members), frozenset({str}), "str")


def _present(annotation: Any, default: object) -> Any:
    """Return the type of an optional member when it is there."""
    if get_origin(annotation) not in _UNIONS:
        return annotation
    args = [arg for arg in get_args(annotation) if arg is not UnsetType]
    if default is None and len(args) == 2:
        args = [arg for arg in args if arg is not type(None)]
    return functools.reduce(operator.or_, args)
