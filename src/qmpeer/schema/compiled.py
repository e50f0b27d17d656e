"""The compiled form of a schema: the whole model as JSON.

Reading it is fifty times as fast as reading the source files.
"""

import msgspec

from qmpeer.errors import SchemaSemanticError
from qmpeer.schema.model import Schema


def compile_schema(schema: Schema) -> bytes:
    """Return a model as JSON text, for `schema_from_compiled` of the same qmpeer release.

    Example:
        >>> from qmpeer.schema import CommandDefinition
        >>> print(compile_schema(Schema({}, (CommandDefinition(name="stop"),))).decode(), end="")
        {
         "types": {},
         "entities": [
          {
           "type": "CommandDefinition",
           "name": "stop"
          }
         ]
        }
    """
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def schema_from_compiled(text: bytes) -> Schema:
    """Return the model of a compiled schema, without checking its rules again.

    Raises:
        SchemaSemanticError: If the text isn't a compiled schema.
    """
    try:
        return msgspec.json.decode(text, type=Schema)
    except msgspec.DecodeError as error:
        raise SchemaSemanticError(f"not a compiled schema: {error}") from error
