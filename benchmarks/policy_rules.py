"""The policy that a measured proxy has."""

import tempfile
from pathlib import Path
from typing import Final

from qmpeer.policy import Policy
from qmpeer.policy.loading import load_policy

_JOB: Final = """\
[[rule]]
name = "job {number}"
command = ["block-job-set-speed", "block-job-cancel"]
arguments.device = "drive{number}"

"""
_MEASURED: Final = """\
[[rule]]
name = "look"
command = ["query-name", "query-version", "query-status"]
"""


def twenty_rules() -> Policy:
    """Return a policy of twenty rules; the last one allows the command that is measured."""
    text = "".join(_JOB.format(number=number) for number in range(19)) + _MEASURED
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.toml")
        path.write_text(text)
        return load_policy(path)
