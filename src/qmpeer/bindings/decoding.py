"""The decoder from JSON to a binding's types, for servers of any release.

Theory of operation. There are two paths. On the *fast* path msgspec builds the type; it refuses
unknown members and anything else that differs from the schema. The *open* path is taken after such
a refusal, and for types that msgspec can't express (a union as a branch of a union). It walks the
plain value along the type and refuses nothing. Unknown members go into `extra`, an unknown branch
becomes an `UnknownBranch`, a value of another JSON type stays as it is, and a missing mandatory
member is UNSET. Where the fast path succeeds, both paths give the same result.

The constructors of the open path are made from a type's annotations on first use.
"""

import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

import msgspec

from qmpeer.bindings.types import Struct, UnknownBranch
from qmpeer.values import UNSET

Construct: TypeAlias = Callable[[Any], Any]

_decoders: Final[dict[Any, "Decoder"]] = {}
_constructors: Final[dict[Any, Construct | None]] = {}


def decoder_of(target: Any) -> "Decoder":
    """Return the decoder of a type; it is made once per type."""
    decoder = _decoders.get(target)
    if decoder is None:
        decoder = _decoders[target] = Decoder(target)
    return decoder


class Decoder:
    """A decoder of values of one type.

    Args:
        target: The type as in annotations: a struct, a list of structs, a union.

    Example:
        >>> decoder_of(list[str])(["a", "b"])
        ['a', 'b']
    """

    __slots__ = ("_is_fast", "_json", "_type")

    def __init__(self, target: Any) -> None:
        self._type = target
        self._json: msgspec.json.Decoder[Any] | None = None
        try:
            self._json = msgspec.json.Decoder(target)
        except (TypeError, RecursionError):
            self._is_fast = False
        else:
            self._is_fast = True

    def __call__(self, value: Any) -> Any:
        """Decode a plain JSON value. Nothing is refused."""
        if self._is_fast:
            try:
                return msgspec.convert(value, self._type)
            except (msgspec.ValidationError, RecursionError):
                pass
        return self.open(value)

    def json(self, text: bytes) -> Any:
        """Decode a value from JSON text.

        Raises:
            msgspec.DecodeError: If the text isn't JSON.
        """
        if self._json is not None:
            try:
                return self._json.decode(text)
            except (msgspec.ValidationError, RecursionError):
                pass
        return self.open(msgspec.json.decode(text))

    def open(self, value: Any) -> Any:
        """Decode a plain JSON value by the open path only."""
        construct = _constructor(self._type)
        if construct is None:
            return value
        try:
            return construct(value)
        except RecursionError:  # nested deeper than any sensible value
            return value


def _constructor(target: Any) -> Construct | None:
    """Return the constructor of a type's values; None if they are plain JSON values."""
    if target in _constructors:
        return _constructors[target]
    construct: Construct | None = None
    origin = get_origin(target)
    if origin is Annotated:
        construct = _constructor(get_args(target)[0])
    elif origin is list:
        construct = _list_constructor(*get_args(target))
    elif origin in (typing.Union, types.UnionType):
        construct = _union_constructor(get_args(target))
    elif isinstance(target, type) and issubclass(target, Struct):
        construct = _StructConstructor(target)
    # Cached for good: the types are those of a binding, which lives as long as the program.
    _constructors[target] = construct
    return construct


def _list_constructor(element: Any) -> Construct | None:
    construct = _constructor(element)
    if construct is None:
        return None

    def construct_list(value: Any) -> Any:
        return [construct(item) for item in value] if type(value) is list else value

    return construct_list


class _StructConstructor:
    """A constructor of one struct type.

    The fields are looked up for the first value. Doing so earlier would not end for a struct that
    contains itself.
    """

    __slots__ = ("_fields", "_required", "_struct", "_tags")

    def __init__(self, target: type[Struct]) -> None:
        self._struct = target
        self._tags = tags_of(target)
        self._fields: dict[str, tuple[str, Construct | None]] | None = None
        self._required: tuple[str, ...] = ()

    def _look_up(self) -> dict[str, tuple[str, Construct | None]]:
        fields = [field for field in msgspec.structs.fields(self._struct) if field.name != "extra"]
        self._required = tuple(field.name for field in fields if field.required)
        self._fields = {
            field.encode_name: (field.name, _constructor(field.type)) for field in fields
        }
        return self._fields

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict:
            return value
        fields = self._fields or self._look_up()
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for wire, item in value.items():
            field = fields.get(wire)
            if field is not None:
                name, construct = field
                known[name] = item if construct is None else construct(item)
            elif wire not in self._tags:
                extra[wire] = item
        # msgspec's constructors demand all required fields, so missing ones get a placeholder.
        for name in self._required:
            if name not in known:
                known[name] = UNSET
        return self._struct(**known, extra=extra)


def tags_of(target: type[Struct]) -> dict[str, str]:
    """Return the discriminators of a union's branch, with their values."""
    tags: dict[str, str] | None = getattr(target, "branch_tags", None)
    if tags is not None:
        return tags
    config = target.__struct_config__
    return {} if config.tag_field is None else {config.tag_field: str(config.tag)}


def _union_constructor(target: Iterable[Any]) -> Construct | None:
    kinds: list[tuple[type, Construct]] = []
    branches: list[type[Struct]] = []
    unknown: type[UnknownBranch] | None = None
    for alternative in target:
        if isinstance(alternative, type) and issubclass(alternative, UnknownBranch):
            unknown = alternative
        elif isinstance(alternative, type) and issubclass(alternative, Struct):
            branches.append(alternative)
        else:
            construct = _constructor(alternative)
            if construct is not None:
                kinds.append((list, construct))  # structs are in branches
    if unknown is not None:
        kinds.append((dict, _branch_constructor(branches, unknown)))
    elif branches:
        kinds.append((dict, _StructConstructor(branches[0])))  # an alternate has at most one
    if not kinds:
        return None

    def construct_one(value: Any) -> Any:
        for kind, construct in kinds:
            if type(value) is kind:
                return construct(value)
        return value

    return construct_one


def _branch_constructor(branches: list[type[Struct]], unknown: type[UnknownBranch]) -> Construct:
    tag_field = str(unknown.__struct_config__.tag_field)
    candidates: dict[str, list[tuple[dict[str, str], Construct]]] = {}
    for branch in branches:
        tags = tags_of(branch)
        constructor = _StructConstructor(branch)
        candidates.setdefault(tags[tag_field], []).append((tags, constructor))

    def construct_branch(value: dict[str, Any]) -> Any:
        tag = value.get(tag_field)
        if type(tag) is not str:
            return value
        for tags, construct in candidates.get(tag, ()):
            if all(value.get(name) == wanted for name, wanted in tags.items()):
                return construct(value)
        members = {name: item for name, item in value.items() if name != tag_field}
        return unknown(tag=tag, members=members)

    return construct_branch
