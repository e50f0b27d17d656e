"""Starts are cheap: a command imports few of the modules that it could need."""

import subprocess
import sys
from pathlib import Path

from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE

SOURCE = """
import sys
from qmpeer.cli.main import main
status = main(["exec", sys.argv[1], "query-status"])
heavy = ("asyncio", "dataclasses", "logging", "rich", "shutil", "subprocess")
print(status, [name for name in heavy if name in sys.modules])
"""


def test_what_exec_does_not_import(tmp_path: Path) -> None:
    with Scripted(tmp_path / "q", {"query-status": {"status": "running"}}) as server:
        done = subprocess.run(
            [sys.executable, "-S", "-c", SOURCE, server.address],
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.stdout == '{"status": "running"}\n0 []\n'


PROXY = """
import sys
import qmpeer.cli.proxy_process
print([name for name in ("audit", "effects", "toml") if f"qmpeer.{name}" in sys.modules])
"""


def test_what_a_proxy_without_a_policy_does_not_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROXY], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "[]\n"
