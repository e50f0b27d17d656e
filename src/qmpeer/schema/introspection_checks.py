"""Checks of introspection: does an answer to query-qmp-schema contradict itself?"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from qmpeer import limits
from qmpeer.errors import SchemaSemanticError
from qmpeer.schema.cycles import cycles
from qmpeer.schema.entities import (
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
    """Check that all names stand for something, and for what can stand there.

    Args:
        entities: The commands and events.
        types: The types by their names.
        count: How many entities came, to see whether two had one name.

    Raises:
        SchemaSemanticError: If there is a contradiction.
    """
    if len({entity.name for entity in entities}) + len(types) < count:
        counted = Counter(entity.name for entity in entities)
        twice = next((name for name, uses in counted.items() if uses > 1), None)
        raise SchemaSemanticError(
            f"two commands or events are named {twice!r}" if twice else "two types have one name"
        )
    _check_size(types)
    for entity in entities:
        _check_names((entity.name, *entity.features), entity)
        if not isinstance(_find(entity.arg_type, types, entity), ObjectEntity):
            raise _contradiction(entity, f"its arguments {entity.arg_type!r} are not an object")
        if isinstance(entity, CommandEntity):
            _find(entity.ret_type, types, entity)
    values = {
        name: frozenset(values_of(of)) for name, of in types.items() if type(of) is EnumEntity
    }
    for of in types.values():
        _check_type(of, types, values)
    variants = {
        name: [variant.type for variant in of.variants]
        for name, of in types.items()
        if isinstance(of, ObjectEntity)
    }
    for name in cycles(variants):
        raise _contradiction(types[name], "its variants lead back to it")


def _check_size(types: Mapping[str, TypeEntity]) -> None:
    """Refuse what would take long even before bases and branches are counted."""
    size = 0
    for of in types.values():
        if isinstance(of, ObjectEntity):
            size += len(of.members) + len(of.variants)
        elif isinstance(of, EnumEntity):
            size += len(values_of(of))
    if size > limits.SCHEMA_MEMBERS:
        raise SchemaSemanticError(f"types have more than {limits.SCHEMA_MEMBERS} members")


def _check_names(names: Collection[str], of: SchemaEntity) -> None:
    """Refuse names that nobody can write, half a surrogate pair among them."""
    if "" in names or not _is_name("".join(names)):
        name = next(name for name in names if not name or not _is_name(name))
        raise _contradiction(of, f"{name!r} is no name")


def _is_name(text: str) -> bool:
    return text.isprintable() and not _NOT_IN_NAMES.search(text)


def _check_values(values: Collection[str], of: SchemaEntity) -> None:
    """Refuse values of an enum that nobody can write; a server may have any others."""
    if not "".join(values).isprintable():
        value = next(value for value in values if not value.isprintable())
        raise _contradiction(of, f"{value!r} is no value")


def _check_type(
    of: TypeEntity, types: Mapping[str, TypeEntity], values: Mapping[str, frozenset[str]]
) -> None:
    if not isinstance(of, ArrayEntity | BuiltInEntity):
        _check_names((of.name,), of)
        if of.name in BUILT_INS and not _is_built_in(of):
            raise _contradiction(of, "a built-in type is named so")
    match of:
        case ObjectEntity():
            _check_object(of, types, values)
        case EnumEntity():
            _check_enum(of)
        case ArrayEntity():
            _check_array(of, types)
        case AlternateEntity():
            _check_alternate(of, types)
        case BuiltInEntity():
            known = BUILT_INS.get(of.name)
            if not isinstance(known, BuiltIn):
                raise _contradiction(of, "no built-in type is named so")
            if of.json_type != known.json_type:
                found = f"its JSON type is {of.json_type!r}"
                raise _contradiction(of, f"{found}, not {known.json_type!r}")


def check_variants(types: Mapping[str, TypeEntity]) -> None:
    """Check that no member of a variant is one of the union's own, too.

    Args:
        types: The types by their names; those of unions are known to hold not too much.

    Raises:
        SchemaSemanticError: If one is.
    """
    names = {
        name: {member.name for member in of.members}
        for name, of in types.items()
        if isinstance(of, ObjectEntity)
    }
    for of in types.values():
        if isinstance(of, ObjectEntity) and of.variants:
            for name in _reached(of, types):
                if not names[name].isdisjoint(names[of.name]):
                    raise _contradiction(of, "a member of a variant is its own as well")


def _reached(union: ObjectEntity, types: Mapping[str, TypeEntity]) -> set[str]:
    """Return the variants, and those of the variants."""
    found = set[str]()
    unions = [union]
    while unions:
        for variant in unions.pop().variants:
            if variant.type not in found:
                found.add(variant.type)
                of = types[variant.type]
                assert isinstance(of, ObjectEntity)
                if of.variants:
                    unions.append(of)
    return found


def _is_built_in(of: TypeEntity) -> bool:
    """Return whether a type is what QAPI has of itself, of a server that doesn't mask names."""
    match BUILT_INS[of.name], of:
        case StructDefinition(), ObjectEntity():
            return not (of.members or of.variants or of.features)
        case EnumDefinition(values=values), EnumEntity():
            return tuple(value.name for value in values) == values_of(of) and not of.features
        case _:
            return False


def _check_object(
    of: ObjectEntity, types: Mapping[str, TypeEntity], values: Mapping[str, frozenset[str]]
) -> None:
    names = {member.name for member in of.members}
    _check_names((*names, *of.features), of)
    if len(names) < len(of.members):
        raise _contradiction(of, "two of its members have one name")
    for member in of.members:
        if member.type not in types:
            raise _unknown(of, member.type)
        if member.features:
            _check_names(member.features, of)
    if of.tag is None:
        if of.variants:
            raise _contradiction(of, "it has variants, but no tag")
        return
    tag = next((member for member in of.members if member.name == of.tag), None)
    if tag is None:
        raise _contradiction(of, f"its tag {of.tag!r} is none of its members")
    if tag.default is not UNSET:
        raise _contradiction(of, f"its tag {of.tag!r} is optional")
    if tag.type not in values:
        raise _contradiction(of, f"its tag {of.tag!r} is not an enum")
    cases = {variant.case for variant in of.variants}
    if len(cases) < len(of.variants) or not cases <= values[tag.type]:
        raise _contradiction(of, f"its variants are not those of its tag {of.tag!r}")
    for variant in of.variants:
        branch = _find(variant.type, types, of)
        if not isinstance(branch, ObjectEntity):
            raise _contradiction(of, f"its variant {variant.case!r} is not an object")


def values_of(of: EnumEntity) -> tuple[str, ...]:
    """Return the values of an enum, whichever of the two lists it has."""
    if of.members is not UNSET:
        return tuple(value.name for value in of.members)
    return of.values if of.values is not UNSET else ()


def _check_enum(of: EnumEntity) -> None:
    if of.members is UNSET and of.values is UNSET:
        raise _contradiction(of, "it has neither members nor values")
    values = values_of(of)
    if len(set(values)) < len(values):
        raise _contradiction(of, "two of its values have one name")
    _check_values(values, of)
    _check_names(of.features, of)
    for value in () if of.members is UNSET else of.members:
        if value.features:
            _check_names(value.features, of)


def _check_alternate(of: AlternateEntity, types: Mapping[str, TypeEntity]) -> None:
    _check_names(of.features, of)
    names = {alternative.type for alternative in of.members}
    if not names:
        raise _contradiction(of, "it has no types")
    if len(names) < len(of.members):
        raise _contradiction(of, "two of its types are one")
    for name in names:
        if isinstance(_find(name, types, of), AlternateEntity):
            raise _contradiction(of, "one of its types is an alternate as well")


def _check_array(of: ArrayEntity, types: Mapping[str, TypeEntity]) -> None:
    element = _find(of.element_type, types, of)
    if isinstance(element, ArrayEntity):
        raise _contradiction(of, "its elements are arrays")
    if of.name != f"[{of.element_type}]":
        raise _contradiction(of, f"arrays of {of.element_type!r} are not named so")


def _find(name: str, types: Mapping[str, TypeEntity], of: SchemaEntity) -> TypeEntity:
    found = types.get(name)
    if found is None:
        raise _unknown(of, name)
    return found


def _unknown(of: SchemaEntity, name: str) -> SchemaSemanticError:
    return _contradiction(of, f"it refers to {name!r}, which is not among the types")


def _contradiction(of: SchemaEntity, reason: str) -> SchemaSemanticError:
    kind = of.__struct_config__.tag
    return SchemaSemanticError(reason, definition=f"{kind} {of.name!r}")
