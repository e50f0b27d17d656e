"""The commands whose arguments a schema doesn't list in full."""

import pytest

from qmpeer.schema import BUILT_INS, CommandDefinition, Schema
from qmpeer.schema.model import Member, StructDefinition, UnionDefinition
from qmpeer.schema.open_arguments import has_open_arguments, listed_arguments
from qmpeer.values import JsonObject

STRUCT = StructDefinition(name="arguments", members=())
UNION = UnionDefinition(name="arguments", base="base", discriminator="type", branches=())


@pytest.mark.parametrize(
    ("command", "of", "expected"),
    [
        (CommandDefinition(name="device_add", arguments="arguments"), STRUCT, True),
        (CommandDefinition(name="netdev_add", arguments="arguments"), STRUCT, True),
        (CommandDefinition(name="netdev_add", arguments="arguments"), UNION, False),
        (CommandDefinition(name="eject", arguments="arguments"), STRUCT, False),
        (CommandDefinition(name="eject", is_generated=False), STRUCT, True),
    ],
    ids=["device_add", "old netdev_add", "netdev_add", "another", "gen: false"],
)
def test_open_arguments(
    command: CommandDefinition, of: StructDefinition | UnionDefinition, expected: bool
) -> None:
    schema = Schema({**BUILT_INS, "arguments": of}, (command,))
    assert has_open_arguments(schema, command) == expected


def test_the_arguments_that_a_schema_lists() -> None:
    of = StructDefinition(name="arguments", members=(Member("driver", "str"),))
    given: JsonObject = {"driver": "x", "drive": "y"}
    for name, expected in (("device_add", {"driver": "x"}), ("eject", given)):
        command = CommandDefinition(name=name, arguments="arguments")
        schema = Schema({**BUILT_INS, "arguments": of}, (command,))
        assert listed_arguments(schema, command, given) == expected
