"""The transcripts of QEMU 7.2, all of them, said to the built-in machine by a stream in memory.

Commands that the machine doesn't have yet are skipped by their name; nothing else is.
"""

import asyncio
import json

import pytest

from qmpeer.machine.devices import MonitorDevice
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import parse_options
from qmpeer.monitor import Monitor
from qmpeer.transport.aio import StreamHandler
from tests.transcripts.conversations import CASES, SENTINEL, by_value, check_sentinel, turns
from tests.transcripts.memory_stream import MemoryStream
from tests.transcripts.reader import Case

NEGOTIATE = {
    "greeted": b"",
    "negotiated": b'{"execute":"qmp_capabilities"}',
    "negotiated with oob": b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}',
}
SAID = [
    pytest.param(subject, case, id=f"{subject}: {case.name}")
    for subject, cases in CASES.items()
    for case in cases
]


def start() -> tuple[Monitor, MemoryStream, StreamHandler]:
    options = parse_options(["-qmp", "unix:/run/q,server=on,wait=off"])
    machine = Machine(options)
    monitor = machine.monitor
    machine.start()
    device = MonitorDevice(
        options.monitors[0], monitor.connection_factory(), machine.clients_changed
    )
    machine.devices.append(device)
    stream = MemoryStream()
    return monitor, stream, device.connect(stream)


async def said_to(
    handler: StreamHandler, stream: MemoryStream, data: bytes, lines: int = 1
) -> bytes:
    """Say something and return the answer, waited for: some commands run in a thread."""
    handler.data_received(data, ())
    for _ in range(1000):
        if stream.written.count(b"\n") >= lines:
            break
        await asyncio.sleep(0)
    return stream.take()


def commands_of(case: Case) -> set[str]:
    """Return the names of the commands in a case of well-formed requests."""
    return {json.loads(line)["execute"] for said, _ in turns(case) for line in said.splitlines()}


async def skip_unless_there(
    case: Case, monitor: Monitor, stream: MemoryStream, handler: StreamHandler
) -> None:
    answer = await said_to(handler, stream, b'{"execute":"query-commands"}')
    there = {command["name"] for command in json.loads(answer)["return"]}
    missing = commands_of(case) - there
    if missing:
        pytest.skip(f"the built-in machine has no {', '.join(sorted(missing))} yet")


@pytest.mark.parametrize(("subject", "case"), SAID)
async def test_machine(subject: str, case: Case) -> None:
    monitor, stream, handler = start()
    negotiation = NEGOTIATE[case.facts.get("state", "negotiated")]
    if negotiation:
        await said_to(handler, stream, negotiation, lines=2)
    stream.take()
    if subject == "later_commands":
        await skip_unless_there(case, monitor, stream, handler)
    for said, answer in turns(case):
        found = await said_to(handler, stream, said, answer.count(b"\n"))
        assert by_value(found) == by_value(answer)
    check_sentinel(case, await said_to(handler, stream, SENTINEL, case.facts.get("ends") is None))
    handler.connection_lost(None)
