"""QEMU, a proxy with a strict audit and its clients, killed at random.

`python -m tests.proxy.kills --kills 1000`. QEMU itself is the witness: it traces each command that
it reads. None of these may lack its record, and none may be one that the policy denies.
"""

import argparse
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU, find_program

__all__ = ["Outcome", "kill_at_random"]

_POLICY: Final = """\
[audit]
mode = "strict"
file = "{folder}/audit"
key = "{folder}/key"
size = 200000
keep = 9999

[[rule]]
name = "own objects"
command = "object-del"
arguments.id = {{ glob = "k*" }}
"""
_READ: Final = re.compile(r'"object-del".*?"id": "([kx][\w-]+)"')
_CLIENTS: Final = 3
_STEP: Final = 1000
"""Bytes of QEMU's log that a few commands make."""
_WEIGHTS: Final = {"client": 6, "proxy": 2, "qemu": 2}


class Outcome(NamedTuple):
    """The outcome.

    Attributes:
        kills: How many processes were killed, by what they were.
        read: The commands that QEMU has read.
        recorded: The commands that are on record.
        unrecorded: Those that QEMU has read without a record.
        forbidden: Those that QEMU has read though the policy denies them.
        verified: What `qmpeer audit verify` says.
    """

    kills: dict[str, int]
    read: int
    recorded: int
    unrecorded: list[str]
    forbidden: list[str]
    verified: str


class _Scene:
    """The processes and their files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self.running: dict[str, list[subprocess.Popen[bytes]]] = {}
        (folder / "policy.toml").write_text(_POLICY.format(folder=folder))
        self._qmpeer("audit", "key", f"{folder}/key")
        for kind, count in (("qemu", 1), ("proxy", 1), ("client", _CLIENTS)):
            self.running[kind] = [self._start(kind) for _ in range(count)]

    def _qmpeer(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "qmpeer", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    def _start(self, kind: str) -> "subprocess.Popen[bytes]":
        folder, number = self._folder, next(self._numbers)
        server, clients = f"unix:{folder}/server", f"unix:{folder}/clients"
        match kind:
            case "qemu":
                trace = ["-trace", "handle_qmp_command", "-D", f"{folder}/qemu-{number}.log"]
                qemu = find_program(QEMU)
                assert qemu is not None
                command = [qemu, *BASE, "-qmp", f"{server},server=on,wait=off", *trace]
            case "proxy":
                command = [
                    *(sys.executable, "-m", "qmpeer", "proxy", server, "--reconnect"),
                    *("--wait-for-socket", "--policy", f"{folder}/policy.toml"),
                    *("-qmp", f"{clients},server=on,wait=off"),
                ]
            case _:
                client = Path(__file__).with_name("kills_client.py")
                command = [
                    sys.executable,
                    "-I",
                    "-S",
                    str(client),
                    f"{folder}/clients",
                    f"{number}",
                ]
        with open(folder / f"{kind}.err", "ab") as errors:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def kill(self, kind: str, which: int) -> None:
        """Kill one process, and start another in its place."""
        victim = self.running[kind][which]
        victim.kill()
        victim.wait()
        self.running[kind][which] = self._start(kind)

    def end(self) -> None:
        for kind in ("client", "proxy", "qemu"):
            for each in self.running[kind]:
                each.kill() if kind == "client" else each.terminate()
                each.wait(PATIENCE)

    def commands_read(self) -> list[str]:
        logs = sorted(self._folder.glob("qemu-*.log"))
        return [each for log in logs for each in _READ.findall(log.read_text(errors="replace"))]

    def commands_recorded(self) -> set[str]:
        recorded: set[str] = set()
        for log in sorted(self._folder.glob("audit*")):
            for line in log.read_bytes().splitlines():
                with suppress(ValueError):  # the beginning of one, where a proxy was killed
                    record = json.loads(line)
                    if record["what"] == "begin" and record["command"] == "object-del":
                        recorded.add(record["arguments"]["id"])
        return recorded

    def verified(self) -> str:
        folder = self._folder
        answer = self._qmpeer("audit", "verify", f"{folder}/audit", "--key", f"{folder}/key")
        return f"{answer.returncode}: {answer.stdout}{answer.stderr}"


def kill_at_random(kills: int, seed: int, folder: Path) -> Outcome:
    """Kill so many processes, and compare what QEMU has read with what is on record."""
    chance = random.Random(seed)
    scene = _Scene(folder)
    counts = dict.fromkeys(_WEIGHTS, 0)
    try:
        size = 0
        for _ in range(kills):
            size = _wait_for_commands(folder, size)
            time.sleep(chance.uniform(0, 0.1))
            (kind,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            scene.kill(kind, chance.randrange(len(scene.running[kind])))
            counts[kind] += 1
        _wait_for_commands(folder, size)
    finally:
        scene.end()
    read, recorded = scene.commands_read(), scene.commands_recorded()
    return Outcome(
        counts,
        len(read),
        len(recorded),
        [each for each in read if each not in recorded],
        [each for each in read if each.startswith("x")],
        scene.verified(),
    )


def _wait_for_commands(folder: Path, known: int) -> int:
    """Wait until further commands have reached QEMU; return the bytes of its logs."""
    end = time.monotonic() + PATIENCE
    while (size := sum(log.stat().st_size for log in folder.glob("qemu-*.log"))) < known + _STEP:
        assert time.monotonic() < end, "found no further command at QEMU"
        time.sleep(0.01)
    return size


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proxy.kills")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_at_random(options.kills, seed, Path(folder))
    print(f"seed {seed}: {outcome}")
    is_good = not outcome.unrecorded and not outcome.forbidden and outcome.verified.startswith("0")
    return 0 if is_good and outcome.read else 1


if __name__ == "__main__":
    sys.exit(main())
