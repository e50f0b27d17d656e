"""The prompt is shown before the modules that read lines are imported.

Modules: prompt_lines.
"""

import subprocess
import sys

SOURCE = """
import sys
import qmpeer.cli.shell_command
import qmpeer.cli.shell_prompt
later = (
    "json",
    "difflib",
    "qmpeer.client.aio.agent_contact",
    "qmpeer.messages.redaction",
    "qmpeer.schema",
    "qmpeer.shell.builtins",
    "qmpeer.shell.prompt_lines",
    "qmpeer.shell.script",
    "qmpeer.transport.aio.listener",
    "qmpeer.transport.blocking",
)
print([name for name in later if name in sys.modules])
"""


def test_what_a_prompt_does_not_wait_for() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", SOURCE],
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
