"""Checks of introspection: does an answer to query-qmp-schema contradict itself?"""

from collections import Counter
from collections.abc import Mapping

from qmpeer.errors import SchemaSemanticError
from qmpeer.schema.circles import circles
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
from qmpeer.schema.model import BUILT_INS
from qmpeer.values import UNSET

__all__ = ["check_entities", "values_of"]


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
    for entity in entities:
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
    for name in circles(variants):
        raise _contradiction(types[name], "its variants lead back to it")


def _check_type(
    of: TypeEntity, types: Mapping[str, TypeEntity], values: Mapping[str, frozenset[str]]
) -> None:
    match of:
        case ObjectEntity():
            _check_object(of, types, values)
        case EnumEntity():
            _check_enum(of)
        case ArrayEntity():
            _check_array(of, types)
        case AlternateEntity():
            for alternative in of.members:
                if isinstance(_find(alternative.type, types, of), AlternateEntity):
                    raise _contradiction(of, "one of its types is an alternate as well")
        case BuiltInEntity():
            if of.name not in BUILT_INS:
                raise _contradiction(of, "no built-in type is named so")


def _check_object(
    of: ObjectEntity, types: Mapping[str, TypeEntity], values: Mapping[str, frozenset[str]]
) -> None:
    names = {member.name for member in of.members}
    if len(names) < len(of.members):
        raise _contradiction(of, "two of its members have one name")
    for member in of.members:
        if member.type not in types:
            raise _unknown(of, member.type)
    if of.tag is None:
        if of.variants:
            raise _contradiction(of, "it has variants, but no tag")
        return
    tag = next((member for member in of.members if member.name == of.tag), None)
    if tag is None:
        raise _contradiction(of, f"its tag {of.tag!r} is none of its members")
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


def _check_array(of: ArrayEntity, types: Mapping[str, TypeEntity]) -> None:
    element = _find(of.element_type, types, of)
    if isinstance(element, ArrayEntity):
        raise _contradiction(of, "its elements are arrays")


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
