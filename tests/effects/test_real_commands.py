"""The commands of the real QEMU, storage daemon and guest agent: none is missing in the tables.

Modules: qmp_table, agent_table.
"""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from qmpeer.effects import all_names
from qmpeer.schema import schema_from_introspection
from tests.effects.test_reviewed_members import HARMLESS, unreviewed
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

ASK = '{"execute": "qmp_capabilities"} {"execute": "query-qmp-schema"} {"execute": "quit"}'


def introspection(argv: list[str]) -> list[Any]:
    """Return the schema that a server at its own input and output tells."""
    output = subprocess.run(
        argv, input=ASK, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    answers = [json.loads(line) for line in output.stdout.splitlines()]
    return next(each["return"] for each in answers if isinstance(each.get("return"), list))


def assert_reviewed(argv: list[str], least: int) -> None:
    schema = schema_from_introspection(introspection(argv))
    names = {command.name for command in schema.commands()}
    assert len(names) >= least
    assert names - all_names() == set()
    assert unreviewed(schema) <= HARMLESS.keys()


def test_qemu(program: Callable[[str], str]) -> None:
    assert_reviewed([program(QEMU), *BASE, "-qmp", "stdio"], 200)


def test_the_storage_daemon(program: Callable[[str], str]) -> None:
    options = ["--chardev", "stdio,id=c", "--monitor", "chardev=c"]
    assert_reviewed([program("qemu-storage-daemon"), *options], 60)


def test_the_guest_agent(program: Callable[[str], str]) -> None:
    argv = [program("qemu-ga"), "-b", "help"]
    output = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=True)
    names = set(output.stdout.split())
    assert len(names) >= 40
    assert names - all_names() == set()
