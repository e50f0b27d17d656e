"""The CPU time of a judgement: each measurement in a process of its own.

The rules are about so many commands that each command has five. The first four don't take the
command that is measured, the fifth allows it.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.rounds import LeftOutError, Sample
from benchmarks.rows import Quantity
from benchmarks.servers import environment
from qmpeer.effects import all_names
from qmpeer.messages import CommandMessage
from qmpeer.policy import PolicyClient
from qmpeer.policy.argument_names import table
from qmpeer.policy.loading import load_policy
from qmpeer.values import JsonObject

TIMEOUT: Final = 120.0
_PER_COMMAND: Final = 5
_CLIENT: Final = PolicyClient(listener="backup", uid=64055, gid=108)
_PREDICATE: Final = """\
[[rule]]
command = "blockdev-add"
when = 'under(args.file.filename, "/srv/vm") && !has(args.backing)'
"""
_NODE: Final[JsonObject] = {
    "driver": "raw",
    "node-name": "disk0",
    "read-only": True,
    "cache": {"direct": True, "no-flush": False},
    "file": {"driver": "file", "filename": "/srv/vm/disk0.img", "locking": "auto"},
}


class PlainFacts:
    """Facts that are there at once."""

    def under(self, path: str, folder: str) -> str | None:
        """Return None: the measurement is about the condition, not about the kernel."""
        return None

    def node_file(self, name: str) -> str | None:
        """Return None: no node has a file."""
        return None

    def owns_fd_set(self, number: int) -> bool:
        """Return False."""
        return False

    def head(self, path: str, size: int) -> bytes | None:
        """Return None: there are no files."""
        return None


def seconds(test: str) -> Sample:
    """Take one sample.

    Args:
        test: "predicate", or "rules-N" with the number of rules.

    Raises:
        LeftOutError: If it can't be taken.
    """
    argv = [sys.executable, "-m", "benchmarks.policy_load", test]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment()
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise LeftOutError(lines[-1])
    return {Quantity.CPU: float(done.stdout)}


def _commands() -> list[tuple[str, str]]:
    """Return commands, each with an argument that is a text."""
    return [
        (command, next(name for name, kinds in sorted(members.items()) if kinds == {"str"}))
        for command in sorted(all_names() - {"human-monitor-command", "transaction"})
        if {"str"} in (members := table().get(f".{command}", {})).values()
    ]


def _rules(count: int) -> Callable[[], None]:
    """Return a judgement by so many rules."""
    commands = _commands()[: count // _PER_COMMAND]
    assert len(commands) == count // _PER_COMMAND
    text = "".join(
        f"[[rule]]\ncommand = '{name}'\nunchecked = true\narguments.'{member}' = 'job {number}'\n"
        for number in range(_PER_COMMAND)
        for name, member in commands
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "rules.toml")
        path.write_text(text)
        rights = load_policy(path).rights(_CLIENT)
    facts = PlainFacts()
    last = f"job {_PER_COMMAND - 1}"
    messages = itertools.cycle([CommandMessage(name, {member: last}) for name, member in commands])
    for _ in commands:
        assert rights.judge(next(messages), facts).is_allowed
    return lambda: bool(rights.judge(next(messages), facts))


def _predicate() -> Callable[[], None]:
    """Return the evaluation of a predicate."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rules.toml")
        path.write_text(_PREDICATE)
        predicate = load_policy(path).rules[0].predicate
    assert predicate is not None
    facts = PlainFacts()

    def evaluate() -> None:
        assert predicate.failure("blockdev-add", _NODE, _CLIENT, facts) is None

    return evaluate


def measured(work: Callable[[], object], count: int = 2000, rounds: int = 7) -> float:
    """Return the CPU seconds of one call, in the fastest of some rounds."""
    found = []
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(count):
            work()
        found.append((time.process_time() - begin) / count)
    return min(found)


def main() -> None:
    """Run one test."""
    test = sys.argv[1]
    work = _predicate() if test == "predicate" else _rules(int(test.removeprefix("rules-")))
    print(measured(work))


if __name__ == "__main__":
    main()
