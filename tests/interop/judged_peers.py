"""The clients of others before the client suite, as a table.

    python -m tests.interop.judged_peers

It prints the table of docs/howto/judge-a-client.md: a row for each case that a client doesn't pass.
The two clients for Node come from npm: scripts/npm_peers.sh installs them.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from qmpeer.conformance import Outcome, Report, Result, client_cases, judge_client

__all__ = ["PEERS", "Peer", "judged", "node_modules", "table", "word"]

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "clients"
NPM_FOLDER = ROOT / "build" / "npm"
SLOW = {("node-qemu 1.3.0", "10-mib"), ("qemu-qmp 0.5.0", "10-mib")}
"""Cases that a client passes in seconds: whether before its deadline depends on the machine."""
WORDS = {Outcome.PASSED: "ok", Outcome.FAILED: "fails", Outcome.SKIPPED: "–"}


class Peer(NamedTuple):
    """A client of others.

    Attributes:
        title: Its name and release.
        command: Its command line for the suite.
        is_of_node: True if Node runs it.
    """

    title: str
    command: str
    is_of_node: bool = False


def _python(program: str) -> str:
    return f"'{sys.executable}' '{PROGRAMS / program}' {{path}}"


def _node(program: str) -> str:
    return f"node '{PROGRAMS / program}' {{path}}"


PEERS = (
    Peer("qemu.qmp 0.0.6", _python("qemu_qmp.py")),
    Peer(
        "its qmp-shell",
        f"sh -c 'echo query-status | {sys.executable} -m qemu.qmp.qmp_shell {{path}}'",
    ),
    Peer("qmp 1.1.0", _python("qmp_1_1.py")),
    Peer("node-qemu 1.3.0", _node("node_qemu.cjs"), is_of_node=True),
    Peer("qemu-qmp 0.5.0", _node("qemu_qmp.cjs"), is_of_node=True),
)


def node_modules() -> str:
    """Return why the clients for Node can't run; "" if they can."""
    if shutil.which("node") is None:
        return "node isn't installed"
    if not (NPM_FOLDER / "node_modules" / "qemu-qmp").is_dir():
        return f"{NPM_FOLDER} is missing: run make test-programs"
    return ""


def judged(peer: Peer) -> Report:
    """Judge a client of others; it gets more time than its own deadline of 10 seconds."""
    os.environ["NODE_PATH"] = str(NPM_FOLDER / "node_modules")
    return judge_client(peer.command, timeout=20, expect="running")


def table(reports: Mapping[str, Report]) -> Iterator[str]:
    """Yield the lines of the table: the cases that not all pass."""
    words = {
        title: {result.case.name: word(title, result) for result in report.results}
        for title, report in reports.items()
    }
    yield f"| case | the server | {' | '.join(words)} |"
    yield "|---|---|" + "---|" * len(words)
    for case in client_cases():
        cells = [words[title][case.name] for title in words]
        if any(cell != "ok" for cell in cells):
            yield f"| `{case.name}` | {case.title} | {' | '.join(cells)} |"
    counts = [
        f"{len(report.results) - sum(word != 'ok' for word in words[title].values())} of "
        f"{len(report.results)}"
        for title, report in reports.items()
    ]
    yield f"| *passed* | | {' | '.join(counts)} |"


def word(title: str, result: Result) -> str:
    """Return the word for a client's result."""
    return "slow" if (title, result.case.name) in SLOW else WORDS[result.outcome]


def main() -> int:
    """Print the table; return the exit status."""
    reason = node_modules()
    if reason:
        print(f"judged_peers: {reason}", file=sys.stderr)
        return 1
    reports = {}
    for peer in PEERS:
        reports[peer.title] = judged(peer)
        print(reports[peer.title], file=sys.stderr)
    print(*table(reports), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
