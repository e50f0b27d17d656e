"""The transcripts of QEMU 7.2, sent to the server's session without I/O.

Each case is sent at once, then byte by byte, then in random pieces: the answers are the same.
"""

import random
from collections.abc import Iterator

import pytest

from qmpeer.protocol import ServerSession
from qmpeer.transcript import Section
from tests.protocol.pretended_server import PretendedServer
from tests.transcripts.conversations import CASES, SENTINEL, by_value, check_sentinel, turns
from tests.transcripts.machine_commands import COMMANDS, OUT_OF_BAND

ENABLED = {"negotiated": (), "negotiated with oob": ("oob",)}
NEEDS_A_MACHINE = ("commands", "later_commands")
"""Transcripts for the built-in machine, sent by test_machine."""

SAID = [
    pytest.param(case, id=f"{subject}: {case.title}")
    for subject, cases in CASES.items()
    if subject not in NEEDS_A_MACHINE
    for case in cases
]


def start(case: Section) -> tuple[PretendedServer, ServerSession]:
    server = PretendedServer(COMMANDS, oob=OUT_OF_BAND)
    state = case.facts.get("state", "negotiated")
    if state == "greeted":
        session = server.connect()
        session.data_to_send()
        return server, session
    return server, server.negotiated(*ENABLED[state])


def converse(case: Section, pieces: list[list[bytes]]) -> None:
    server, session = start(case)
    for chunks, (_, answer) in zip(pieces, turns(case), strict=True):
        said = b""
        for chunk in chunks:
            server.receive(session, chunk)
            said += session.data_to_send()
        assert by_value(said) == by_value(answer)
    server.receive(session, SENTINEL)
    check_sentinel(case, session.data_to_send())


def cut(data: bytes, chance: random.Random) -> Iterator[bytes]:
    while data:
        size = chance.choice((1, 1, 2, 3, 7, 20))
        yield data[:size]
        data = data[size:]


@pytest.mark.parametrize("case", SAID)
def test_in_one_go(case: Section) -> None:
    converse(case, [[said] for said, _ in turns(case)])


@pytest.mark.parametrize("case", SAID)
def test_byte_by_byte(case: Section) -> None:
    converse(case, [[bytes([byte]) for byte in said] for said, _ in turns(case)])


@pytest.mark.parametrize("case", SAID)
def test_cut_up(case: Section) -> None:
    chance = random.Random(case.title)
    for _ in range(5):
        converse(case, [list(cut(said, chance)) for said, _ in turns(case)])


def test_all_are_said_somewhere() -> None:
    said = len(SAID) + sum(len(CASES[subject]) for subject in NEEDS_A_MACHINE)
    assert said == sum(map(len, CASES.values()))
    assert said > 400
