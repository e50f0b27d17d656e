"""The JSON kinds of a type's values, a view that works for types of every sort."""

from typing import Final

from qmpeer.schema.model import AlternateDefinition, Array, BuiltIn, EnumDefinition, Schema, Type

ALL_KINDS: Final = ("string", "int", "number", "boolean", "null", "array", "object")


def alternatives(schema: Schema, name: str) -> dict[str, Type | None]:
    """Return the kinds of values that a type allows, each with the type for that kind.

    The kind "int" means integers, "number" any number. The type `any` has every kind, each with
    None as its type.

    Args:
        schema: The schema that contains the type.
        name: The type's name.
    """
    match schema.types[name]:
        case AlternateDefinition(branches=branches):
            found: dict[str, Type | None] = {}
            for branch in branches:
                found.update(alternatives(schema, branch.type))
            return found
        case BuiltIn(json_type="value"):
            return dict.fromkeys(ALL_KINDS)
        case BuiltIn() as schema_type:
            return {schema_type.json_type: schema_type}
        case EnumDefinition() as schema_type:
            return {"string": schema_type}
        case Array() as schema_type:
            return {"array": schema_type}
        case schema_type:
            return {"object": schema_type}
