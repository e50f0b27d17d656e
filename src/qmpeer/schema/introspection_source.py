"""Introspection as a source: a model made from an answer to query-qmp-schema.

The answer may come from any QEMU since 2.5, from our own monitor or from an unknown server. It is
checked first, so that users of the model can rely on its references.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

import msgspec

from qmpeer import limits
from qmpeer.errors import SchemaSemanticError
from qmpeer.schema.introspection_checks import check_entities, check_variants, values_of
from qmpeer.schema.introspection_entities import (
    AlternateEntity,
    ArrayEntity,
    BuiltInEntity,
    CommandEntity,
    EntityMember,
    EnumEntity,
    EventEntity,
    ObjectEntity,
    SchemaEntity,
    TypeEntity,
)
from qmpeer.schema.model import (
    ANY_INTEGER,
    BUILT_INS,
    EMPTY,
    AlternateDefinition,
    Array,
    Branch,
    CommandDefinition,
    Entity,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    IntrospectionForm,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.schema.size_check import check_sizes
from qmpeer.schema.type_names import name_types
from qmpeer.values import UNSET, JsonObject, JsonValue

_NO_FEATURES: Final[tuple[Feature, ...]] = ()


def schema_from_introspection(answer: JsonValue | list[JsonObject]) -> Schema:
    """Make a model from a server's answer to query-qmp-schema.

    Types with masked names get new names, derived from their first use.

    Args:
        answer: The command's return value.

    Raises:
        SchemaSemanticError: If the answer has another form, or contradicts itself.

    Example:
        >>> schema = schema_from_introspection([
        ...     {"name": "query-name", "meta-type": "command", "arg-type": "0", "ret-type": "1"},
        ...     {"name": "0", "meta-type": "object", "members": []},
        ...     {"name": "1", "meta-type": "object", "members": [{"name": "name", "type": "str"}]},
        ...     {"name": "str", "meta-type": "builtin", "json-type": "string"},
        ... ])
        >>> next(schema.commands()).returns
        'NameInfo'
    """
    if isinstance(answer, list) and len(answer) > limits.SCHEMA_DEFINITIONS:
        raise SchemaSemanticError(
            f"more than {limits.SCHEMA_DEFINITIONS} commands, events and types"
        )
    try:
        entities = msgspec.convert(answer, list[SchemaEntity])
    except msgspec.ValidationError as error:
        raise SchemaSemanticError(f"not an answer to query-qmp-schema: {error}") from error
    except UnicodeEncodeError as error:  # msgspec's message would quote a lone surrogate
        raise SchemaSemanticError("not an answer to query-qmp-schema: not Unicode") from error
    except RecursionError:
        raise SchemaSemanticError("not an answer to query-qmp-schema: nested too deeply") from None
    tops = [entity for entity in entities if isinstance(entity, CommandEntity | EventEntity)]
    types = {
        entity.name: entity
        for entity in entities
        if not isinstance(entity, CommandEntity | EventEntity)
    }
    check_entities(tops, types, len(entities))
    names = name_types(tops, types, _empty(tops, types))
    schema = _ModelBuilder(names, types).build(tops, _form(entities))
    # In this order: check_variants() is slow on a model that is too large.
    check_sizes(schema.types, _refuse)
    check_variants(types)
    return schema


def _refuse(name: str, reason: str) -> NoReturn:
    raise SchemaSemanticError(reason, definition=f"type {name!r}")


def _form(entities: Iterable[SchemaEntity]) -> IntrospectionForm:
    # An answer without enums doesn't show its form, so today's is assumed.
    enums = [entity for entity in entities if isinstance(entity, EnumEntity)]
    commands = [entity for entity in entities if isinstance(entity, CommandEntity)]
    return IntrospectionForm(
        enum_members=any(enum.members is not UNSET for enum in enums) or not enums,
        enum_values=any(enum.values is not UNSET for enum in enums) or not enums,
        oob_always=any(command.allow_oob is False for command in commands),
        preconfig_always=any(command.allow_preconfig is not UNSET for command in commands),
    )


def _empty(entities: Iterable[CommandEntity | EventEntity], types: Mapping[str, TypeEntity]) -> str:
    """Return the type that means "nothing": the most used of the empty object types."""
    uses = Counter(entity.arg_type for entity in entities)
    uses.update(entity.ret_type for entity in entities if isinstance(entity, CommandEntity))
    for name, _ in uses.most_common():
        type_entity = types[name]
        if isinstance(type_entity, ObjectEntity) and not (
            type_entity.members or type_entity.variants or type_entity.features
        ):
            return name
    return EMPTY.name


# --- The model ----------------------------------------------------------------------------------


class _ModelBuilder:
    """A builder of the model's structs from entities, with the new names.

    Features and members repeat thousands of times in an answer, so equal ones are shared.
    """

    def __init__(self, names: Mapping[str, str], types: Mapping[str, TypeEntity]) -> None:
        self._names = dict(names)
        self._types = types
        self._features: dict[tuple[str, ...], tuple[Feature, ...]] = {(): _NO_FEATURES}
        self._members: dict[tuple[str, str, bool], Member] = {}
        for name, type_entity in types.items():
            if isinstance(type_entity, BuiltInEntity):
                self._names[name] = name
            elif isinstance(type_entity, ArrayEntity):
                element = type_entity.element_type
                self._names[name] = f"[{names.get(element, element)}]"

    def build(
        self, entities: Iterable[CommandEntity | EventEntity], form: IntrospectionForm
    ) -> Schema:
        built: dict[str, Type] = {**BUILT_INS, "int": ANY_INTEGER}
        for type_entity in self._types.values():
            self._add_type(type_entity, built)
        labels = {self._names[label]: label for label in self._types}
        return Schema(built, tuple(map(self._entity, entities)), form=form, labels=labels)

    def _entity(self, entity: CommandEntity | EventEntity) -> Entity:
        features = self._features_of(entity.features)
        arguments = self._unless_empty(entity.arg_type)
        if isinstance(entity, EventEntity):
            return EventDefinition(name=entity.name, features=features, arguments=arguments)
        return CommandDefinition(
            name=entity.name,
            features=features,
            arguments=arguments,
            returns=self._unless_empty(entity.ret_type),
            allow_oob=entity.allow_oob is True,
            allow_preconfig=entity.allow_preconfig is True,
        )

    def _unless_empty(self, name: str) -> str | None:
        name = self._names[name]
        return None if name == EMPTY.name else name

    def _add_type(self, type_entity: TypeEntity, built: dict[str, Type]) -> None:
        name = self._names[type_entity.name]
        if name in built:
            return  # a built-in type, or the empty type
        match type_entity:
            case ObjectEntity(tag=None):
                built[name] = StructDefinition(
                    name=name,
                    features=self._features_of(type_entity.features),
                    members=self._members_of(type_entity),
                    is_implicit=name.endswith("-arg"),  # name_types() gives no other such names
                )
            case ObjectEntity(tag=tag):
                # Introspection lists the common members without naming a base.
                base = f"{name}-base"
                built[base] = StructDefinition(
                    name=base, members=self._members_of(type_entity), is_implicit=True
                )
                built[name] = UnionDefinition(
                    name=name,
                    features=self._features_of(type_entity.features),
                    base=base,
                    discriminator=tag or "",
                    branches=tuple(
                        Branch(variant.case, self._names[variant.type])
                        for variant in type_entity.variants
                    ),
                )
            case EnumEntity():
                built[name] = EnumDefinition(
                    name=name,
                    features=self._features_of(type_entity.features),
                    values=self._values_of(type_entity),
                )
            case ArrayEntity():
                built[name] = Array(name, self._names[type_entity.element_type])
            case AlternateEntity():
                built[name] = AlternateDefinition(
                    name=name,
                    features=self._features_of(type_entity.features),
                    branches=self._alternatives_of(type_entity),
                )

    def _members_of(self, type_entity: ObjectEntity) -> tuple[Member, ...]:
        return tuple(map(self._member, type_entity.members))

    def _member(self, member: EntityMember) -> Member:
        return Member(
            member.name,
            self._names[member.type],
            member.default is not UNSET,
            self._features_of(member.features),
        )

    def _values_of(self, type_entity: EnumEntity) -> tuple[EnumValue, ...]:
        if type_entity.members is UNSET:
            return tuple(map(EnumValue, values_of(type_entity)))
        return tuple(
            EnumValue(value.name, self._features_of(value.features))
            for value in type_entity.members
        )

    def _alternatives_of(self, type_entity: AlternateEntity) -> tuple[Branch, ...]:
        """Return the branches, named after their types: introspection doesn't list their names."""
        names = [self._names[alternative.type] for alternative in type_entity.members]
        return tuple(Branch(name, name) for name in names)

    def _features_of(self, names: tuple[str, ...]) -> tuple[Feature, ...]:
        if names not in self._features:
            self._features[names] = tuple(map(Feature, names))
        return self._features[names]
