"""The command line of the protocol's own inspector drives the server, in front of a real machine.

`scripts/npm_peers.sh inspector` installs it, in build/npm-inspector.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

CLI = Path(__file__).parents[2] / "build/npm-inspector/node_modules/.bin/mcp-inspector-cli"


@pytest.mark.real
@pytest.mark.slow
def test_the_inspector(tmp_path: Path, program: Callable[[str], str]) -> None:
    node = program("node")
    if not CLI.exists():
        pytest.skip("the inspector is not installed")
    path = tmp_path / "qmp"
    options = ("-qmp", f"unix:{path},server=on,wait=off")

    def inspect(*words: str) -> Any:
        server = [sys.executable, "-m", "qmpeer", "mcp", str(path), "--audit", f"{tmp_path}/audit"]
        done = subprocess.run(
            [node, str(CLI), "--cli", *server, "--method", *words],
            capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with subprocess.Popen([program(QEMU), *BASE, *options], stderr=subprocess.DEVNULL) as process:
        until_listening(path, process)
        tools = [tool["name"] for tool in inspect("tools/list")["tools"]]
        assert {"status", "events", "commands", "describe", "execute"} <= set(tools)
        execute = ("tools/call", "--tool-name", "execute", "--tool-arg")
        answer = inspect(*execute, "command=query-version")
        assert json.loads(answer["content"][0]["text"])["qemu"]["major"] >= 7
        refusal = inspect(*execute, "command=quit")
        assert refusal["isError"]
        assert "the policy hides it" in refusal["content"][0]["text"]
        assert process.poll() is None
        process.kill()
    records = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    assert [each["command"] for each in records if each["what"] == "denied"] == ["quit"]
