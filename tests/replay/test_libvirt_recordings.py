"""libvirt's recordings: each command gets its recorded answer, in order and shuffled."""

import asyncio
import random
from collections import defaultdict, deque
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, CommandError, Monitor
from qmpeer.messages import CommandMessage
from qmpeer.replay import Replay
from qmpeer.replay.files import read_recording
from qmpeer.transcript import Transcript
from qmpeer.values import JsonValue
from tests import corpus
from tests.replay.plays import played

EACH = corpus.own_and_real(corpus.SMALL_RECORDINGS, corpus.RECORDINGS)


@cache
def transcript(name: str) -> Transcript:
    folder = corpus.SMALL if name in corpus.SMALL_RECORDINGS else corpus.corpus_path()
    return read_recording(folder / "replies" / f"caps_{name}.replies")


def conversations(name: str) -> list[list[tuple[CommandMessage, JsonValue]]]:
    """Return the commands of each conversation with their answers, read without the replay."""
    found: list[list[tuple[CommandMessage, JsonValue]]] = []
    for asked, answer in corpus.conversation(name):
        if asked["execute"] == "qmp_capabilities":
            found.append([])
            continue
        command = CommandMessage(asked["execute"], asked.get("arguments"))
        found[-1].append((command, answer.get("return", answer.get("error"))))
    return found


def answers(got: list[Any]) -> list[JsonValue]:
    return [reply.value if reply.error is None else reply.error for (reply,) in got]


@pytest.mark.parametrize("name", EACH)
def test_in_order(name: str) -> None:
    replay = Replay(transcript(name), strict=True, order="recorded")
    for each in conversations(name):
        got = played(replay, [command for command, _ in each])
        assert answers(got) == [answer for _, answer in each]
    assert replay.report.is_complete


@pytest.mark.parametrize("name", EACH)
def test_shuffled(name: str) -> None:
    replay = Replay(transcript(name), strict=True)
    for each in conversations(name):
        # The same command asked again gets its answers in the recorded order.
        expected: defaultdict[str, deque[JsonValue]] = defaultdict(deque)
        for command, answer in each:
            expected[repr(command)].append(answer)
        shuffled = [command for command, _ in each]
        random.Random(1).shuffle(shuffled)
        got = answers(played(replay, shuffled))
        assert got == [expected[repr(command)].popleft() for command in shuffled]
    assert replay.report.is_complete


def _shown(found: JsonValue | BaseException) -> JsonValue:
    if not isinstance(found, BaseException):
        return found
    assert isinstance(found, CommandError)
    return {"class": found.error_class, "desc": found.desc}


async def ask_over_the_wire(name: str, folder: Path) -> None:
    replay = Replay(transcript(name), strict=True)
    monitor = Monitor(backend=replay)
    await monitor.listen(folder / "q", many=True)
    for each in conversations(name):
        async with await AsyncClient.connect(folder / "q") as vm:
            asked = (vm.execute(command.name, command.arguments) for command, _ in each)
            got = await asyncio.gather(*asked, return_exceptions=True)
        assert [*map(_shown, got)] == [answer for _, answer in each]
    monitor.shutdown()
    await monitor.wait_closed()
    assert replay.report.is_complete


@pytest.mark.parametrize("name", corpus.SMALL_RECORDINGS[:1])
async def test_over_the_wire(name: str, tmp_path: Path) -> None:
    await ask_over_the_wire(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH[1:])
async def test_all_over_the_wire(name: str, tmp_path: Path) -> None:
    await ask_over_the_wire(name, tmp_path)
