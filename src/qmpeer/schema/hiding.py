"""A filter for output values, which removes the members that policy hides."""

from qmpeer.schema.flattened import Shape, shape_of
from qmpeer.schema.json_kinds import alternatives
from qmpeer.schema.model import Array, Feature, Schema, StructDefinition, UnionDefinition
from qmpeer.values import JsonValue


class Hiding:
    """A filter that removes members with certain features from values.

    Args:
        schema: The schema of the values.
        hidden: The features to hide: "deprecated", "unstable".

    Example:
        >>> from qmpeer.schema.model import BUILT_INS, Member
        >>> old = Member("old", "str", features=(Feature("deprecated"),))
        >>> info = StructDefinition(name="Info", members=(old, Member("new", "str")))
        >>> hiding = Hiding(Schema({**BUILT_INS, "Info": info}), frozenset({"deprecated"}))
        >>> hiding.shown("Info", {"old": "a", "new": "b"})
        {'new': 'b'}
    """

    def __init__(self, schema: Schema, hidden: frozenset[str]) -> None:
        self._schema = schema
        self._hidden = hidden
        self._shapes: dict[str, Shape] = {}

    def has_hidden(self, features: tuple[Feature, ...]) -> bool:
        """Return True if one of these features is hidden."""
        return any(feature.name in self._hidden for feature in features)

    def shown(self, type_name: str, value: JsonValue) -> JsonValue:
        """Return a copy of a value without its hidden members."""
        kinds = alternatives(self._schema, type_name)
        if isinstance(value, list):
            schema_type = kinds.get("array")
            if isinstance(schema_type, Array):
                return [self.shown(schema_type.element, item) for item in value]
        elif isinstance(value, dict):
            schema_type = kinds.get("object")
            if isinstance(schema_type, StructDefinition | UnionDefinition):
                result = dict(value)
                self._hide(schema_type, result)
                return result
        return value

    def _hide(
        self, object_type: StructDefinition | UnionDefinition, value: dict[str, JsonValue]
    ) -> None:
        shape = self._shapes.get(object_type.name)
        if shape is None:
            shape = self._shapes[object_type.name] = shape_of(self._schema, object_type)
        # Read before the loop, which may remove it.
        tag = value.get(shape.discriminator) if shape.discriminator else None
        for member in shape.members:
            if member.name not in value:
                continue
            if self.has_hidden(member.features):
                del value[member.name]
            else:
                value[member.name] = self.shown(member.type, value[member.name])
        for branch in shape.branches:
            if branch.name == tag:
                inner = self._schema.types[branch.type]
                assert isinstance(inner, StructDefinition | UnionDefinition)
                self._hide(inner, value)
