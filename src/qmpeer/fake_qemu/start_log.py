"""The log of starts: one line of JSON for each start of a fake QEMU, and one for each end.

Secrets on the command line are blanked; of the environment, only the names are kept.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qmpeer import limits


class Start(NamedTuple):
    """One start of a fake QEMU.

    Attributes:
        argv: The program as it was called, and its options.
        cwd: The current folder.
        pid: The id of the process that was started; a daemon has another one.
        time: Seconds since the epoch.
        environment: The names of the environment's variables.
        status: The exit status; None if it runs, or if a signal ended it.
        signal: The signal by which its script ended it; None otherwise.
        mismatches: How its conversations differ from the script or the recording.
    """

    argv: list[str]
    cwd: str
    pid: int
    time: float
    environment: list[str]
    status: int | None = None
    signal: int | None = None
    mismatches: Sequence[str] = ()


def log_start(path: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Add a start to a log, and return its number, from 1; 0 if the log is full.

    Raises:
        OSError: If the log can't be written.
    """
    entry: dict[str, Any] = {
        "start": 0,
        "argv": _blanked(argv),
        "cwd": _folder(),
        "pid": os.getpid(),
        "time": time.time(),
        "environment": sorted(environment),
    }
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # the number depends on the lines that are there
        size = os.fstat(fd).st_size
        if size > limits.FAKE_QEMU_LOG:
            return 0
        entry["start"] = 1 + os.pread(fd, size, 0).count(b'{"start": ')
        os.write(fd, _line(entry))
    finally:
        os.close(fd)
    number: int = entry["start"]
    return number


def log_end(
    path: str,
    number: int,
    status: int | None = None,
    signal: int | None = None,
    mismatches: Sequence[str] = (),
) -> None:
    """Add an end to a log.

    Raises:
        OSError: If the log can't be written.
    """
    entry = {
        "end": number,
        "pid": os.getpid(),
        "time": time.time(),
        "status": status,
        "signal": signal,
        "mismatches": list(mismatches),
    }
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, _line(entry))
    finally:
        os.close(fd)


def read_starts(path: str) -> Iterator[Start]:
    """Give the starts of a log, oldest first.

    Raises:
        OSError: If it can't be read. A log that isn't there has no starts.
    """
    try:
        with open(path, "rb") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    entries = [json.loads(line) for line in lines if line.endswith(b"}")]
    ends = {each["end"]: each for each in entries if "end" in each}
    for entry in entries:
        if (number := entry.pop("start", None)) is not None:
            end = ends.get(number, {})
            outcome = {name: end[name] for name in ("status", "signal", "mismatches") if end}
            yield Start(**entry, **outcome)


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _blanked(argv: Sequence[str]) -> list[str]:
    """Return a command line without its secrets; those have a name, or are in a URL."""
    if not any(sign in word for word in argv for sign in "=:"):
        return list(argv)
    from qmpeer.fake_qemu.blanking import blanked_words  # start: 40 ms

    return list(blanked_words(argv))
