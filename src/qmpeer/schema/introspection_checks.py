"""Consistency checks for an answer to query-qmp-schema."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from qmpeer import limits
from qmpeer.errors import SchemaSemanticError
from qmpeer.schema.cycles import cycles
from qmpeer.schema.introspection_entities import (
    AlternateEntity,
    ArrayEntity,
    BuiltInEntity,
    CommandEntity,
    EnumEntity,
    EventEntity,
    ObjectEntity,
    SchemaEntity,
    TypeEntity,
)
from qmpeer.schema.model import BUILT_INS, BuiltIn, EnumDefinition, StructDefinition
from qmpeer.values import UNSET

_NOT_IN_NAMES: Final = re.compile(r"""[ "'\\\[\]]""")


def check_entities(
    entities: list[CommandEntity | EventEntity], types: Mapping[str, TypeEntity], count: int
) -> None:
    """Check that every reference leads to a type, and to a type that is valid there.

    Args:
        entities: The commands and events.
        types: The types by their names.
        count: The number of entities in the answer, to detect duplicate names.

    Raises:
        SchemaSemanticError: If the answer contradicts itself.
    """
    if len({entity.name for entity in entities}) + len(types) < count:
        counted = Counter(entity.name for entity in entities)
        # `types` has lost one of two types with the same name, so that the name is unknown here.
        twice = next((name for name, uses in counted.items() if uses > 1), None)
        raise SchemaSemanticError(
            f"duplicate command or event {twice!r}" if twice else "two types have the same name"
        )
    _check_size(types)
    for entity in entities:
        _check_names((entity.name, *entity.features), entity)
        if not isinstance(_find(entity.arg_type, types, entity), ObjectEntity):
            raise _contradiction(entity, f"its arguments {entity.arg_type!r} are not an object")
        if isinstance(entity, CommandEntity):
            _find(entity.ret_type, types, entity)
    values = {
        name: frozenset(values_of(type_entity))
        for name, type_entity in types.items()
        if type(type_entity) is EnumEntity
    }
    for type_entity in types.values():
        _check_type(type_entity, types, values)
    variants = {
        name: [variant.type for variant in type_entity.variants]
        for name, type_entity in types.items()
        if isinstance(type_entity, ObjectEntity)
    }
    for name in cycles(variants):
        raise _contradiction(types[name], "it is one of its own variants")


def _check_size(types: Mapping[str, TypeEntity]) -> None:
    """Refuse an answer so large that even counting its bases and branches would take long."""
    size = 0
    for type_entity in types.values():
        if isinstance(type_entity, ObjectEntity):
            size += len(type_entity.members) + len(type_entity.variants)
        elif isinstance(type_entity, EnumEntity):
            size += len(values_of(type_entity))
    if size > limits.SCHEMA_MEMBERS:
        raise SchemaSemanticError(
            f"the types have {size} members, expected at most {limits.SCHEMA_MEMBERS}"
        )


def _check_names(names: Collection[str], entity: SchemaEntity) -> None:
    """Refuse names with characters that are unprintable or special, lone surrogates included.

    All names are joined and checked at once; the wrong name is searched only after a failure.
    """
    if "" in names or not _is_name("".join(names)):
        name = next(name for name in names if not name or not _is_name(name))
        raise _contradiction(entity, f"{name!r} is not a valid name")


def _is_name(text: str) -> bool:
    return text.isprintable() and not _NOT_IN_NAMES.search(text)


def _check_values(values: Collection[str], entity: SchemaEntity) -> None:
    """Refuse enum values with unprintable characters; a server may use any others."""
    if not "".join(values).isprintable():
        value = next(value for value in values if not value.isprintable())
        raise _contradiction(entity, f"{value!r} is not a valid value")


def _check_type(
    type_entity: TypeEntity, types: Mapping[str, TypeEntity], values: Mapping[str, frozenset[str]]
) -> None:
    if not isinstance(type_entity, ArrayEntity | BuiltInEntity):
        _check_names((type_entity.name,), type_entity)
        if type_entity.name in BUILT_INS and not _is_built_in(type_entity):
            raise _contradiction(type_entity, "its name belongs to a built-in type")
    match type_entity:
        case ObjectEntity():
            _check_object(type_entity, types, values)
        case EnumEntity():
            _check_enum(type_entity)
        case ArrayEntity():
            _check_array(type_entity, types)
        case AlternateEntity():
            _check_alternate(type_entity, types)
        case BuiltInEntity():
            known = BUILT_INS.get(type_entity.name)
            if not isinstance(known, BuiltIn):
                raise _contradiction(type_entity, "there is no built-in type of that name")
            if type_entity.json_type != known.json_type:
                found = f"its JSON type is {type_entity.json_type!r}"
                raise _contradiction(type_entity, f"{found}, not {known.json_type!r}")


def check_variants(types: Mapping[str, TypeEntity]) -> None:
    """Check that a variant's members don't repeat those of its union.

    Args:
        types: The types by their names, after check_sizes(): this check takes time in proportion to
            the size of the unions with their branches.

    Raises:
        SchemaSemanticError: If a member is repeated.
    """
    names = {
        name: {member.name for member in type_entity.members}
        for name, type_entity in types.items()
        if isinstance(type_entity, ObjectEntity)
    }
    for type_entity in types.values():
        if isinstance(type_entity, ObjectEntity) and type_entity.variants:
            for name in _reached(type_entity, types):
                if not names[name].isdisjoint(names[type_entity.name]):
                    raise _contradiction(
                        type_entity, "a member of a variant repeats a member of the union"
                    )


def _reached(union: ObjectEntity, types: Mapping[str, TypeEntity]) -> set[str]:
    """Return a union's variants, and the variants of those that are unions."""
    found = set[str]()
    unions = [union]
    while unions:
        for variant in unions.pop().variants:
            if variant.type not in found:
                found.add(variant.type)
                type_entity = types[variant.type]
                assert isinstance(type_entity, ObjectEntity)
                if type_entity.variants:
                    unions.append(type_entity)
    return found


def _is_built_in(type_entity: TypeEntity) -> bool:
    """Return True if a type is QAPI's own definition, from a server that doesn't mask names."""
    match BUILT_INS[type_entity.name], type_entity:
        case StructDefinition(), ObjectEntity():
            return not (type_entity.members or type_entity.variants or type_entity.features)
        case EnumDefinition(values=values), EnumEntity():
            return (
                tuple(value.name for value in values) == values_of(type_entity)
                and not type_entity.features
            )
        case _:
            return False


def _check_object(
    object_entity: ObjectEntity,
    types: Mapping[str, TypeEntity],
    values: Mapping[str, frozenset[str]],
) -> None:
    names = {member.name for member in object_entity.members}
    _check_names((*names, *object_entity.features), object_entity)
    if len(names) < len(object_entity.members):
        raise _contradiction(object_entity, "two of its members have the same name")
    for member in object_entity.members:
        if member.type not in types:
            raise _unknown(object_entity, member.type)
        if member.features:
            _check_names(member.features, object_entity)
    if object_entity.tag is None:
        if object_entity.variants:
            raise _contradiction(object_entity, "it has variants but no tag")
        return
    tag = next(
        (member for member in object_entity.members if member.name == object_entity.tag), None
    )
    if tag is None:
        raise _contradiction(object_entity, f"its tag {object_entity.tag!r} is not a member")
    if tag.default is not UNSET:
        raise _contradiction(object_entity, f"its tag {object_entity.tag!r} is optional")
    if tag.type not in values:
        raise _contradiction(object_entity, f"its tag {object_entity.tag!r} is not an enum")
    cases = {variant.case for variant in object_entity.variants}
    if len(cases) < len(object_entity.variants) or not cases <= values[tag.type]:
        raise _contradiction(
            object_entity, f"its variants are not those of its tag {object_entity.tag!r}"
        )
    for variant in object_entity.variants:
        branch = _find(variant.type, types, object_entity)
        if not isinstance(branch, ObjectEntity):
            raise _contradiction(object_entity, f"its variant {variant.case!r} is not an object")


def values_of(enum: EnumEntity) -> tuple[str, ...]:
    """Return the values of an enum, from whichever of its two lists is present."""
    if enum.members is not UNSET:
        return tuple(value.name for value in enum.members)
    return enum.values if enum.values is not UNSET else ()


def _check_enum(enum: EnumEntity) -> None:
    if enum.members is UNSET and enum.values is UNSET:
        raise _contradiction(enum, "it has neither members nor values")
    values = values_of(enum)
    if len(set(values)) < len(values):
        raise _contradiction(enum, "two of its values have the same name")
    _check_values(values, enum)
    _check_names(enum.features, enum)
    for value in () if enum.members is UNSET else enum.members:
        if value.features:
            _check_names(value.features, enum)


def _check_alternate(alternate: AlternateEntity, types: Mapping[str, TypeEntity]) -> None:
    _check_names(alternate.features, alternate)
    names = {alternative.type for alternative in alternate.members}
    if not names:
        raise _contradiction(alternate, "it has no types")
    if len(names) < len(alternate.members):
        raise _contradiction(alternate, "two of its types are the same")
    for name in names:
        if isinstance(_find(name, types, alternate), AlternateEntity):
            raise _contradiction(alternate, "one of its types is an alternate, too")


def _check_array(array: ArrayEntity, types: Mapping[str, TypeEntity]) -> None:
    element = _find(array.element_type, types, array)
    if isinstance(element, ArrayEntity):
        raise _contradiction(array, "its elements are arrays")
    if array.name != f"[{array.element_type}]":
        raise _contradiction(array, f"expected the name '[{array.element_type}]'")


def _find(name: str, types: Mapping[str, TypeEntity], entity: SchemaEntity) -> TypeEntity:
    found = types.get(name)
    if found is None:
        raise _unknown(entity, name)
    return found


def _unknown(entity: SchemaEntity, name: str) -> SchemaSemanticError:
    return _contradiction(entity, f"it refers to {name!r}, which is not among the types")


def _contradiction(entity: SchemaEntity, reason: str) -> SchemaSemanticError:
    kind = entity.__struct_config__.tag
    return SchemaSemanticError(reason, definition=f"{kind} {entity.name!r}")
