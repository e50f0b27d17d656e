"""The server's reader compared with a real QEMU: the same random bytes get the same answers.

A negotiated session without commands uses the reader, so the answers consist of ids and errors.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.pretended_server import PretendedServer
from tests.protocol.real_qemu import ask_qemu, ask_us, by_value, running_qemu
from tests.qemu import QEMU
from tests.wire.fuzzed_reader import differing, inputs
from tests.wire.strategies import any_bytes, json_texts, near_json

NEGOTIATE = b'{"execute":"qmp_capabilities"}\n'


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Path]:
    with running_qemu(program(QEMU), tmp_path_factory.mktemp("qemu")) as path:
        yield path


@pytest.mark.real
@pytest.mark.property
@given(st.one_of(near_json, near_json, any_bytes, json_texts))
def test_qemu_answers_the_same(qemu: Path, data: bytes) -> None:
    ours = ask_us(PretendedServer(), NEGOTIATE + data)
    assert by_value(ours) == by_value(ask_qemu(qemu, NEGOTIATE + data))


@pytest.mark.real
def test_fuzzed_inputs_are_answered_the_same(qemu: Path) -> None:
    """To try a million: python -m tests.wire.fuzzed_reader."""
    assert differing(qemu, [*islice(inputs(2), 300)]) == []
