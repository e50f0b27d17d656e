"""The server's session compared with a real QEMU: random requests and negotiations."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.values import JsonValue
from tests.protocol.pretended_server import PretendedServer
from tests.protocol.real_qemu import ask_qemu, ask_us, by_value, running_qemu
from tests.qemu import QEMU
from tests.releases import as_written_by
from tests.transcripts.machine_commands import COMMANDS, OUT_OF_BAND

_NAMES = ("execute", "execute", "id", "arguments", "exec-oob", "Execute", "", "x", "__com.x_y")
_VERBS = ("qmp_capabilities", "query-name", "query-uuid", "query-yank", "migrate-pause", "zz", "")
_VALUES: tuple[JsonValue, ...] = (None, True, 0, 1.5, "a", [], [[]], {}, {"b": 1, "a": [2]})
_ENABLE: tuple[Any, ...] = (
    *(
        [],
        ["oob"],
        ["oob", "oob"],
        ["bogus"],
        ["oob", "bogus"],
        ["bogus", 1],
        [1],
        [None],
        ["", {}],
    ),
    *("oob", None, {}, 1),
)
_MEMBERS = ("enable", "enabled", "foo", "bar", "a", "b", "", "enable ", "\x00", "\xe9", "long" * 9)


def _arguments(chance: random.Random) -> JsonValue:
    if chance.random() < 0.2:
        return chance.choice(_VALUES)
    names = chance.sample(_MEMBERS, chance.choice((0, 0, 1, 1, 2, 3, 6)))
    return {
        name: chance.choice(_ENABLE if name == "enable" else _VALUES)
        for name in names
        if name != "enable" or chance.random() < 0.9
    }


def _request(chance: random.Random) -> JsonValue:
    request: dict[str, JsonValue] = {}
    for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 6))):
        name = chance.choice(_NAMES)
        if chance.random() < 0.03:
            name = "".join(chance.choice("abcxyz-_\xe9\U0001d11e") for _ in range(4))
        if name in ("execute", "exec-oob") and chance.random() < 0.9:
            request[name] = chance.choice(_VERBS)
        elif name == "arguments":
            request[name] = _arguments(chance)
        else:
            request[name] = chance.choice(_VALUES)
    return request


def _requests(seed: int) -> bytes:
    chance = random.Random(seed)
    lines: list[JsonValue] = []
    match chance.randrange(4):
        case 0:
            lines.append({"execute": "qmp_capabilities"})
        case 1 | 2:
            lines.append({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})
    lines += [_request(chance) for _ in range(chance.choice((1, 3, 6)))]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


requests = st.builds(_requests, st.integers(0, 2**48))


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Path]:
    with running_qemu(program(QEMU), tmp_path_factory.mktemp("qemu")) as path:
        yield path


@pytest.mark.real
@pytest.mark.property
@given(requests)
def test_qemu_answers_the_same(qemu: Path, qemu_version: tuple[int, int], data: bytes) -> None:
    # Out-of-band answers overtake others at random, so the order isn't compared.
    ours = by_value(ask_us(PretendedServer(COMMANDS, oob=OUT_OF_BAND), data))
    ours = [as_written_by(qemu_version, answer) for answer in ours]
    assert sorted(ours) == sorted(by_value(ask_qemu(qemu, data)))
