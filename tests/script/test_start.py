"""The start of a scripted server: what it doesn't import."""

import subprocess
import sys

UNUSED = (
    "qmpeer.client",
    "qmpeer.faults",
    "qmpeer.machine",
    "qmpeer.monitor.human",
    "qmpeer.monitor.interface",
    "qmpeer.protocol.client",
    "qmpeer.replay.replay",
    "qmpeer.schema",
    "qmpeer.sources",
)
PROGRAM = """
import sys
from qmpeer.script import ScriptedServer
with ScriptedServer() as server:
    server.on("stop").times(0, 1)
print(*sys.modules)
"""


def test_a_start_imports_only_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert not {*UNUSED} & {*done.stdout.split()}
