"""The masked type names of introspection, which keep clients from relying on the real names.

Spec: QEMU numbers types in order of first use. It visits the commands and events in schema order:
first the arguments of each, then its return type. It then visits the types that these use, in the
order of their numbers: first the members of each, then its branches. An array comes before its
elements. All integer types are "int"; arrays are "[int]" or "[7]". Conditions are ignored, so parts
that they leave out leave gaps in the numbers.
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
            self.labels[schema_type.name] = ""  # reserves its place before its elements' places
            self.labels[schema_type.name] = f"[{self.use(schema_type.element)}]"
        else:
            self.labels[schema_type.name] = str(self._count)
            self._count += 1
            self._queue.append(schema_type)
        return self.labels[schema_type.name]

    def follow(self) -> None:
        for schema_type in self._queue:  # the loop itself appends to it
            if isinstance(schema_type, StructDefinition | UnionDefinition):
                shape = shape_of(self._schema, schema_type)
                for member in shape.members:
                    self.use(member.type)
                for branch in shape.branches:
                    self.use(branch.type)
            elif isinstance(schema_type, AlternateDefinition):
                for branch in schema_type.branches:
                    self.use(branch.type)
