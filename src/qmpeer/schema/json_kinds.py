"""What values a type allows, by their kind in JSON: the one view that types of any sort share."""

from typing import Final

from qmpeer.schema.model import AlternateDefinition, Array, BuiltIn, EnumDefinition, Schema, Type

ALL_KINDS: Final = ("string", "int", "number", "boolean", "null", "array", "object")


def alternatives(schema: Schema, name: str) -> dict[str, Type | None]:
    """Return the kinds of values that a type allows, and what the type is for each.

    The kind int is that of whole numbers, number that of all. A value that may be anything has
    every kind, with None for the type.

    Args:
        schema: The schema that holds the type.
        name: Its name.
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
