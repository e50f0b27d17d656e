"""The check of a strict client, before a command is sent."""

import pytest

from qmpeer.client.preflight import Preflight
from qmpeer.errors import ValidationError
from qmpeer.schema import BUILT_INS, CommandDefinition, Feature, Member, Schema, StructDefinition

OLD = (Feature("deprecated"),)
SCHEMA = Schema(
    {
        **BUILT_INS,
        "device": StructDefinition(
            name="device", members=(Member("driver", "str"), Member("old", "str", True, OLD))
        ),
    },
    (
        CommandDefinition(name="device_add", arguments="device"),
        CommandDefinition(name="set-device", arguments="device"),
        CommandDefinition(name="stop", features=OLD),
    ),
)


def test_a_device_has_properties_that_no_schema_lists() -> None:
    check = Preflight(SCHEMA).check
    check("device_add", {"driver": "virtio-blk-pci", "drive": "disk0"})
    with pytest.raises(ValidationError, match="Parameter 'driver' is missing"):
        check("device_add", {"drive": "disk0"})
    with pytest.raises(ValidationError, match="Parameter 'drive' is unexpected"):
        check("set-device", {"driver": "x", "drive": "disk0"})


def test_what_the_server_lacks() -> None:
    check = Preflight(SCHEMA).check
    check("qmp_capabilities", None)
    with pytest.raises(ValidationError, match="The command cont has not been found"):
        check("cont", None)


def test_a_deprecated_command_or_argument_warns_once() -> None:
    check = Preflight(SCHEMA).check
    with pytest.warns(DeprecationWarning, match="command stop is deprecated"):
        check("stop", None)
    check("stop", None)
    with pytest.warns(DeprecationWarning, match="argument old of device_add is deprecated"):
        check("device_add", {"driver": "x", "old": "y", "drive": "z"})
