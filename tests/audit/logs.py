"""Audit logs for tests: a clock that is told the time, a log with records of every kind."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qmpeer.audit import AuditLog
from qmpeer.audit.reading import open_files
from qmpeer.audit.verification import Verifier
from qmpeer.messages import CommandMessage

KEY = b"k" * 32
START = 1_796_000_000_000_000_000  # 2026-11-29T23:33:20Z


class Seconds:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> int:
        self._now += 1_000_000_000
        return self._now


ADD = CommandMessage(
    "blockdev-add",
    {"driver": "raw", "node-name": "d0", "file": {"driver": "file", "filename": "/srv/vm/a.raw"}},
)


def open_log(path: Path, **settings: Any) -> AuditLog:
    """Open a log with a key and a clock of its own."""
    return AuditLog(path, **{"key": KEY, "clock": Seconds(), **settings})


async def write_log(path: Path, **settings: Any) -> None:
    """Write a log of several files, with records of every kind."""
    for _ in range(2):
        log = open_log(path, **{"size": 1500, **settings})
        log.note("connected", client=1, listener="backup", uid=64055, pid=4711, process="qb")
        numbers = [log.begin(1, ADD, rule="disks", fds=1) for _ in range(3)]
        log.end(numbers[0], "return", 0.5)
        log.end(numbers[1], "error", 0.25, "GenericError", "Duplicate nodes with node-name='d0'")
        log.note("denied", client=1, command=ADD, rule="no-disks", reason="found /etc/shadow")
        log.end(numbers[2], "interrupted", 1.0)
        log.note("left", client=1)
        log.close()


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of a log, the oldest first, by their names."""
    found = {}
    for name, file in open_files(str(path)):
        found[name] = file.read()
    return found


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a log."""
    lines = b"".join(contents(path).values()).split(b"\n")
    return [msgspec.json.decode(line) for line in lines if line]


def verified(
    files: Mapping[str, bytes], key: bytes | None = KEY, heads: Mapping[int, str] | None = None
) -> Verifier:
    """Verify the contents of files."""
    verifier = Verifier(key, heads or {})
    verifier.read([(name, _opened(data)) for name, data in files.items()])
    return verifier


def _opened(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def split(files: Mapping[str, bytes]) -> list[tuple[str, list[bytes]]]:
    """Return the lines of each file, with their line endings."""
    return [(name, data.splitlines(keepends=True)) for name, data in files.items()]


def joined(files: Sequence[tuple[str, Sequence[bytes]]]) -> dict[str, bytes]:
    """Return the opposite of `split`."""
    return {name: b"".join(lines) for name, lines in files}


def places(files: Mapping[str, bytes]) -> Iterator[tuple[int, int]]:
    """Yield the file and the line of each line."""
    for at, (_, lines) in enumerate(split(files)):
        for line in range(len(lines)):
            yield at, line
