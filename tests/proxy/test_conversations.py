"""Random conversations of eight clients: each gets what a server with no other client would give.

`make soak` holds 100,000 of them.

Modules: door, hub, known_answers, multiplexer, proxy, server_connection, session.
"""

import asyncio
from pathlib import Path

import pytest

from tests.monitor.conftest import LOOPS
from tests.proxy.conversations import converse

COUNT = 500


@pytest.mark.parametrize("loop", LOOPS)
def test_each_client_gets_what_a_model_of_one_server_would_give(loop: str, tmp_path: Path) -> None:
    share = COUNT // len(LOOPS)
    first = [*LOOPS].index(loop) * share
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        faults = runner.run(converse(range(first, first + share), tmp_path))
    assert faults == []
