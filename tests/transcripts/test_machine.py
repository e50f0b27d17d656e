"""All transcripts of QEMU 7.2, sent to the built-in machine through a stream in memory.

Only commands that the machine doesn't have yet, and types of objects that it doesn't have, are
skipped, by name.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer.machine.command_line import parse_options
from qmpeer.machine.human import register_human_commands
from qmpeer.machine.machine import Machine
from qmpeer.machine.startup import open_all
from qmpeer.transcript import Section
from qmpeer.transport.aio import StreamHandler
from tests.transcripts.conversations import CASES, SENTINEL, by_value, check_sentinel, turns
from tests.transcripts.memory_stream import MemoryStream

NEGOTIATE = {
    "greeted": b"",
    "negotiated": b'{"execute":"qmp_capabilities"}',
    "negotiated with oob": b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}',
}
TYPES_OF_QEMU = {"memory-backend-ram"}
"""Types of objects that only QEMU has."""
CHANGING = ("commands", "later_commands")
"""Subjects whose commands change a machine: each of their cases gets a machine of its own."""


def said(*, is_changing: bool) -> pytest.MarkDecorator:
    """Parametrize a test with the cases that change a machine, or with those that don't."""
    cases = [
        pytest.param(subject, case, id=f"{subject}: {case.title}")
        for subject, cases in CASES.items()
        if (subject in CHANGING) is is_changing
        for case in cases
    ]
    return pytest.mark.parametrize(("subject", "case"), cases)


async def start(folder: Path) -> Machine:
    """Start a machine."""
    options = parse_options(["-qmp", f"unix:{folder}/q,server=on,wait=off"])
    machine = Machine(options)
    register_human_commands(machine)
    await open_all(machine, options, pytest.fail)
    machine.start()
    return machine


def end(machine: Machine) -> None:
    machine.chardevs.close()
    machine.close()


async def said_to(
    handler: StreamHandler, stream: MemoryStream, data: bytes, lines: int = 1
) -> bytes:
    """Send something, and wait for the answer, since some commands run in a thread."""
    handler.data_received(data, ())
    for _ in range(1000):
        if stream.written.count(b"\n") >= lines:
            break
        await asyncio.sleep(0)
    return stream.take()


def needs(case: Section) -> set[str]:
    """Return the commands in a case of well-formed requests, and the types of objects."""
    said = [json.loads(line) for turn, _ in turns(case) for line in turn.splitlines()]
    names = {request["execute"] for request in said}
    arguments = [request.get("arguments", {}) for request in said]
    kinds = {of["qom-type"] for of in arguments if "qom-type" in of}
    return names | {kind for kind in kinds if kind in TYPES_OF_QEMU}


async def skip_unless_there(case: Section, stream: MemoryStream, handler: StreamHandler) -> None:
    answer = await said_to(handler, stream, b'{"execute":"query-commands"}')
    there = {command["name"] for command in json.loads(answer)["return"]}
    missing = needs(case) - there
    if missing:
        pytest.skip(f"the built-in machine has no {', '.join(sorted(missing))} yet")


@pytest.fixture(autouse=True)
def kvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make KVM appear available on every host, as on the host of the recordings."""
    monkeypatch.setattr("qmpeer.machine.machine.KVM_DEVICE", "/dev/null")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Machine, Path]]:
    """A machine that no case changes, with its folder."""
    folder = tmp_path_factory.mktemp("machine")
    machine = await start(folder)
    yield machine, folder
    end(machine)


@said(is_changing=False)
@pytest.mark.asyncio(loop_scope="module")
async def test_machine(subject: str, case: Section, shared: tuple[Machine, Path]) -> None:
    await converse(subject, case, *shared)


@said(is_changing=True)
async def test_machine_that_changes(subject: str, case: Section, tmp_path: Path) -> None:
    machine = await start(tmp_path)
    try:
        await converse(subject, case, machine, tmp_path)
    finally:
        end(machine)


async def converse(subject: str, case: Section, machine: Machine, folder: Path) -> None:
    """Connect a client in memory to the monitor's device, and talk to it."""
    (device,) = machine.chardevs
    stream = MemoryStream()
    handler = device._connect(stream)
    try:
        await speak(subject, case, stream, handler, folder)
    finally:
        handler.connection_lost(None)


async def speak(
    subject: str, case: Section, stream: MemoryStream, handler: StreamHandler, folder: Path
) -> None:
    negotiation = NEGOTIATE[case.facts.get("state", "negotiated")]
    if negotiation:
        await said_to(handler, stream, negotiation, lines=2)
    stream.take()
    if subject == "later_commands":
        await skip_unless_there(case, stream, handler)
    for said, answer in turns(case):
        found = await said_to(handler, stream, said, answer.count(b"\n"))
        found = found.replace(str(folder).encode(), b"/run")
        assert by_value(found) == by_value(answer)
    check_sentinel(case, await said_to(handler, stream, SENTINEL, case.facts.get("ends") is None))
