"""The cost of the first fixture: imports, mostly. Modules: interface."""

import subprocess
import sys

import pytest

FIRST_FIXTURE = """
import sys, time
import pytest, _pytest.config, _pytest.python
began = time.process_time()
import qmpeer.testing.plugin
from qmpeer.testing.item_state import ItemState
from qmpeer.script import ScriptedServer
state = ItemState(watches_leaks=True)
server = ScriptedServer().start()
server.stop()
assert not state.leaks.leaks()
print(time.process_time() - began)
print(*sorted({name.split(".")[1] for name in sys.modules if name.startswith("qmpeer.")}))
"""
OTHERS = """
import time
began = time.process_time()
import asyncio, msgspec
print(time.process_time() - began)
"""


def printed(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_it_imports_what_a_scripted_server_needs() -> None:
    rooms = set(printed(FIRST_FIXTURE)[1].split())
    assert not rooms & {"chardev", "machine", "options", "relay", "sources", "cli", "codegen"}


@pytest.mark.slow
@pytest.mark.alone
def test_it_takes_hardly_longer_than_the_imports_of_others() -> None:
    # asyncio and msgspec are more than half of it.
    ours = min(float(printed(FIRST_FIXTURE)[0]) for _ in range(5))
    others = min(float(printed(OTHERS)[0]) for _ in range(5))
    assert ours < 2 * others
