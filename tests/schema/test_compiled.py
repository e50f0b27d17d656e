"""Compiled schemas: they are read back unchanged, and other texts are refused."""

import pytest

from qmpeer.errors import SchemaSemanticError
from qmpeer.schema import schema_from_introspection, schema_from_qapi
from qmpeer.schema.compiled import compile_schema, schema_from_compiled
from tests.corpus import recorded_introspection

EVERYTHING = b"""
##
# = All there is
##

##
# @Kind:
#
# A kind.
#
# @one: the first
# @two: the second
#
# Since: 1.0
##
{ 'enum': 'Kind', 'prefix': 'K',
  'data': [ 'one', { 'name': 'two',
                     'if': { 'not': { 'any': [ 'A', { 'all': [ 'B', 'C' ] } ] } } } ] }

{ 'struct': 'Base', 'data': { 'kind': 'Kind', '*many': [ 'uint8' ] } }
{ 'struct': 'One', 'base': 'Base',
  'data': { 'x': { 'type': 'str', 'features': [ 'deprecated' ] } } }
{ 'struct': 'Plain', 'data': {} }
{ 'union': 'Either', 'base': 'Base', 'discriminator': 'kind', 'data': { 'one': 'Plain' } }
{ 'alternate': 'Or', 'data': { 'a': 'str', 'b': 'One' } }
{ 'command': 'do-it', 'data': 'Either', 'boxed': true, 'returns': [ 'One' ], 'allow-oob': true }
{ 'event': 'DONE', 'data': { 'or': 'Or' }, 'features': [ 'unstable' ] }
"""


def test_what_is_compiled_comes_back() -> None:
    schema = schema_from_qapi("all.json", lambda name: EVERYTHING)
    assert schema_from_compiled(compile_schema(schema)) == schema


def test_so_does_an_answer_of_qemu() -> None:
    schema = schema_from_introspection(recorded_introspection("small-9.2"))
    assert schema_from_compiled(compile_schema(schema)) == schema


@pytest.mark.parametrize("text", [b"", b"[]", b'{"types": {"a": {"type": "Odd"}}}', b"\xff"])
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(SchemaSemanticError, match="not a compiled schema"):
        schema_from_compiled(text)
