"""Introspection as output: a model in the form of query-qmp-schema's return value.

It lists the commands and events in schema order, then the types that they use, in the order of
their labels.
"""

from collections.abc import Iterable, Sequence

from qmpeer.schema.flattened import shape_of
from qmpeer.schema.introspection_names import label_types
from qmpeer.schema.model import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Entity,
    EnumDefinition,
    Feature,
    IntrospectionForm,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.values import JsonObject, JsonValue


def introspection_of(schema: Schema, form: IntrospectionForm | None = None) -> list[JsonObject]:
    """Return the model as query-qmp-schema returns it.

    Conditions are ignored, so conditional parts are listed; apply select() first to leave them out.

    Args:
        schema: The model.
        form: The form of a release; None for the form of the schema's source.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS
        >>> for entity in introspection_of(Schema(BUILT_INS, (CommandDefinition(name="stop"),))):
        ...     print(entity)
        {'name': 'stop', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '0'}
        {'name': '0', 'meta-type': 'object', 'members': []}
    """
    labels = schema.labels or label_types(schema)
    if EMPTY.name not in labels and _has_bare_branches(schema, labels):
        # The empty type gets the lowest number that no other type has.
        free = (str(number) for number in range(len(labels) + 1))
        labels = {
            **labels,
            EMPTY.name: next(label for label in free if label not in labels.values()),
        }
    output = _AnswerBuilder(schema, labels, form or schema.form)
    listed = {labels[name]: schema.types[name] for name in labels if name in schema.types}
    return [
        *(output.entity(entity) for entity in schema.entities),
        *(output.type(label, schema_type) for label, schema_type in listed.items()),
    ]


def _has_bare_branches(schema: Schema, names: Iterable[str]) -> bool:
    """Return True if a discriminator value has no branch, which requires the empty type.

    [QEMU lists a branch for every value, so its own answers always have that type.]
    """
    unions = (
        schema_type
        for name in names
        if isinstance(schema_type := schema.types.get(name), UnionDefinition)
    )
    return any(
        branch.type == EMPTY.name
        for schema_type in unions
        for branch in shape_of(schema, schema_type).branches
    )


class _AnswerBuilder:
    def __init__(self, schema: Schema, labels: dict[str, str], form: IntrospectionForm) -> None:
        self._schema = schema
        self._labels = labels
        self._form = form

    def entity(self, entity: Entity) -> JsonObject:
        is_command = isinstance(entity, CommandDefinition)
        result: JsonObject = {
            "name": entity.name,
            "meta-type": "command" if is_command else "event",
            "arg-type": self._labels[entity.arguments or EMPTY.name],
        }
        if isinstance(entity, CommandDefinition):
            result["ret-type"] = self._labels[entity.returns or EMPTY.name]
            if entity.allow_oob or self._form.oob_always:
                result["allow-oob"] = entity.allow_oob
            if self._form.preconfig_always:
                result["allow-preconfig"] = entity.allow_preconfig
        return _with_features(result, entity.features)

    def type(self, label: str, schema_type: Type) -> JsonObject:
        match schema_type:
            case BuiltIn():
                return {"name": label, "meta-type": "builtin", "json-type": schema_type.json_type}
            case Array():
                element = self._labels[schema_type.element]
                return {"name": label, "meta-type": "array", "element-type": element}
            case EnumDefinition():
                return self._enum(label, schema_type)
            case AlternateDefinition():
                return self._alternate(label, schema_type)
            case StructDefinition() | UnionDefinition():
                return self._object(label, schema_type)

    def _enum(self, label: str, schema_type: EnumDefinition) -> JsonObject:
        result: JsonObject = {"name": label, "meta-type": "enum"}
        if self._form.enum_members:
            result["members"] = [
                _with_features({"name": value.name}, value.features) for value in schema_type.values
            ]
        if self._form.enum_values:
            result["values"] = [value.name for value in schema_type.values]
        return _with_features(result, schema_type.features)

    def _alternate(self, label: str, schema_type: AlternateDefinition) -> JsonObject:
        types: list[JsonValue] = [
            {"type": self._labels[branch.type]} for branch in schema_type.branches
        ]
        result: JsonObject = {"name": label, "meta-type": "alternate", "members": types}
        return _with_features(result, schema_type.features)

    def _object(self, label: str, schema_type: StructDefinition | UnionDefinition) -> JsonObject:
        shape = shape_of(self._schema, schema_type)
        result: JsonObject = {
            "name": label,
            "meta-type": "object",
            "members": [self._member(member) for member in shape.members],
        }
        if shape.discriminator is not None:
            result["tag"] = shape.discriminator
            result["variants"] = [
                {"case": branch.name, "type": self._labels[branch.type]}
                for branch in shape.branches
            ]
        return _with_features(result, schema_type.features)

    def _member(self, member: Member) -> JsonObject:
        result: JsonObject = {"name": member.name, "type": self._labels[member.type]}
        if member.is_optional:
            result["default"] = None
        return _with_features(result, member.features)


def _with_features(result: JsonObject, features: Sequence[Feature]) -> JsonObject:
    if features:
        result["features"] = [feature.name for feature in features]
    return result
