"""The demo: it needs no input, ends, and shows both sides of a conversation."""

import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def test_demo() -> None:
    done = subprocess.run(
        [sys.executable, DEMO], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith('<- {"QMP": ')
    assert any(line.startswith('-> {"execute":"stop"') for line in lines)
    assert any('"event": "STOP"' in line for line in lines)
    assert any("Invalid parameter type for 'address'" in line for line in lines)
