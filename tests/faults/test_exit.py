"""Exit of a process that has a monitor: nothing of the monitor prevents it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]

BEGINNING = """
import asyncio, sys, threading
from qmpeer.client import Client
from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.monitor import Monitor

monitor = Monitor()
entered = threading.Event()

@monitor.command("hang", blocking=True)
def hang() -> None:
    entered.set()
    threading.Event().wait()

def ask(path: str) -> None:
    try:
        Client.connect(path, wait_for_socket=True).execute("hang")
    except (CommandInterrupted, ConnectionClosed):
        pass

asking = threading.Thread(target=ask, args=(sys.argv[1],), daemon=True)
asking.start()
"""

ENDINGS = {
    "the main thread ends": """
monitor.start(sys.argv[1])
entered.wait()
""",
    "stopped": """
import qmpeer.limits
qmpeer.limits.CLOSE_TIMEOUT = 0.05
monitor.start(sys.argv[1])
entered.wait()
monitor.stop()
assert not [thread for thread in threading.enumerate() if "monitor" in thread.name]
asking.join()
""",
    "shut down inside asyncio": """
import qmpeer.limits
qmpeer.limits.CLOSE_TIMEOUT = 0.05
async def main() -> None:
    serving = asyncio.create_task(monitor.serve(sys.argv[1]))
    await asyncio.to_thread(entered.wait)
    monitor.shutdown()
    await serving
asyncio.run(main())
""",
    "cancelled inside asyncio": """
async def main() -> None:
    serving = asyncio.create_task(monitor.serve(sys.argv[1]))
    await asyncio.to_thread(entered.wait)
    serving.cancel()
    await asyncio.wait([serving])
asyncio.run(main())
""",
    "nobody waits": """
async def main() -> None:
    await monitor.listen(sys.argv[1])
    await asyncio.to_thread(entered.wait)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_handler_that_never_ends(tmp_path: Path, ending: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BEGINNING + ending, str(tmp_path / "qmp")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
