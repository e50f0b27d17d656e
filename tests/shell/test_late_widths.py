"""wcwidth is imported when a width is asked for that isn't known without it."""

import subprocess
import sys

from tests.shell.real_servers import ENVIRONMENT

PROGRAM = """
import sys
from qmpeer.shell.late_widths import late_widths

with late_widths():
    from prompt_toolkit.utils import get_cwidth
assert "wcwidth" not in sys.modules
assert get_cwidth("query-status") == 12
assert "wcwidth" not in sys.modules
assert [get_cwidth(text) for text in ("\\u00e9", "\\u6f22", "e\\u0301", "\\x1b")] == [1, 2, 1, 0]
assert sys.modules["wcwidth"].__file__

with late_widths():
    import wcwidth
assert wcwidth is sys.modules["wcwidth"]

del sys.modules["wcwidth"]
with late_widths():
    from wcwidth import wcswidth
assert wcswidth("ab") == 2
"""


def test_it_stands_in_and_steps_aside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert (done.returncode, done.stderr) == (0, "")
