"""The names that introspection gives types, so that nobody relies on their real ones.

Spec: QEMU numbers types in order of first use: it goes through the commands and events in schema
order, of each the arguments and then what it returns; then through the types that these use, as
they come, of each the members and then the branches. An array comes before its elements. Integer
types are all "int"; arrays are "[int]" or "[7]". Conditions play no part: what they leave out
leaves gaps.
"""

from qmpeer.schema.flattened import shape_of
from qmpeer.schema.model import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)


def label_types(schema: Schema) -> dict[str, str]:
    """Return the label of each type that commands and events use, in the order of introspection.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS
        >>> types = {**BUILT_INS, "[int8]": Array("[int8]", "int8")}
        >>> query = CommandDefinition(name="query-temperatures", returns="[int8]")
        >>> label_types(Schema(types, (query,)))
        {'q_empty': '0', '[int8]': '[int]', 'int8': 'int'}
    """
    labels = _Labeller(schema)
    for entity in schema.entities:
        labels.use(entity.arguments or EMPTY.name)
        if isinstance(entity, CommandDefinition):
            labels.use(entity.returns or EMPTY.name)
    labels.follow()
    return labels.labels


class _Labeller:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._queue: list[Type] = []
        self._count = 0
        self.labels: dict[str, str] = {}

    def use(self, name: str) -> str:
        label = self.labels.get(name)
        if label is None:
            label = self._label(self._schema.types[name])
        return label

    def _label(self, schema_type: Type) -> str:
        if isinstance(schema_type, BuiltIn):
            self.labels[schema_type.name] = schema_type.introspected
        elif isinstance(schema_type, Array):
            self.labels[schema_type.name] = ""  # it takes its place before its elements take theirs
            self.labels[schema_type.name] = f"[{self.use(schema_type.element)}]"
        else:
            self.labels[schema_type.name] = str(self._count)
            self._count += 1
            self._queue.append(schema_type)
        return self.labels[schema_type.name]

    def follow(self) -> None:
        for schema_type in self._queue:  # it grows meanwhile
            if isinstance(schema_type, StructDefinition | UnionDefinition):
                shape = shape_of(self._schema, schema_type)
                for member in shape.members:
                    self.use(member.type)
                for branch in shape.branches:
                    self.use(branch.type)
            elif isinstance(schema_type, AlternateDefinition):
                for branch in schema_type.branches:
                    self.use(branch.type)
