"""``qmpeer audit``, through its entry point: show, verify, key.

Modules: audit_command, audit_text, audit_times.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest

from qmpeer.audit import AuditLog, FileHead, Outcome
from qmpeer.audit.entries import UNKNOWN, Entry
from qmpeer.audit.keys import read_key
from qmpeer.audit.selection import DENIED
from qmpeer.cli.audit_text import EntryLines
from qmpeer.cli.audit_times import moment
from qmpeer.cli.exits import INTERRUPTED, UsageError
from qmpeer.display.colours import TERMINAL
from qmpeer.display.layout import Layout
from qmpeer.messages import CommandMessage
from tests.audit.logs import ADD, Seconds
from tests.audit.test_entries import make
from tests.cli.programs import run_here
from tests.patience import PATIENCE


def run(*words: str | Path) -> tuple[int, str, str]:
    done = run_here("audit", *map(str, words))
    return done.status, done.out.decode(), done.err.decode()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "vm.key"
    status, output, errors = run("key", path)
    assert (status, errors) == (0, "")
    assert output.startswith(f"{path}: key ")
    return path


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    """A log without a key."""
    path = tmp_path / "vm.audit"
    log = AuditLog(path, clock=Seconds(), head=FileHead(str(tmp_path / "heads")), every=4)
    log.note("connected", client=1, listener="backup", uid=64055)
    log.end(log.begin(1, ADD, rule="disks"), "return", 0.25)
    command = CommandMessage("screendump", {"filename": "/etc/passwd"})
    log.note("denied", client=1, command=command, rule="no-files", reason="found \x1b[2J")
    log.end(
        log.begin(1, CommandMessage("device_add", {"id": "x\x9b"})),
        "error",
        1.5,
        "GenericError",
        "Bus 'x' not found",
    )
    log.end(log.begin(1, CommandMessage("stop")), "interrupted", 90.0, desc="it has left")
    log.close()
    return path


# Show

SHOWN = r"""
2026-11-30 00:53:21.000Z opened format=1 log=…fsync=off
2026-11-30 00:53:22.000Z 1 backup connected listener=backup uid=64055
2026-11-30 00:53:23.000Z 1 backup return 250 ms blockdev-add {"driver":"raw",…} rule=disks
2026-11-30 00:53:25.000Z 1 backup denied screendump found \u001b[2J {…} rule=no-files
2026-11-30 00:53:26.000Z 1 backup error 1.5 s device_add Bus…"x\u009b"}
2026-11-30 00:53:28.000Z 1 backup interrupted 90 s stop it has left
2026-11-30 00:53:30.000Z closed
"""


def shown(*words: str | Path) -> list[str]:
    status, output, errors = run("show", "--utc", *words)
    assert (status, errors) == (0, "")
    return output.splitlines()


def test_show(log: Path) -> None:
    for line, expected in zip(shown(log), SHOWN.strip().splitlines(), strict=True):
        begin, _, end = expected.partition("…")
        assert re.sub(" +", " ", line).startswith(begin)
        assert re.sub(" +", " ", line).endswith(end)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ("--denied", 1),
        ("--command *a* --command stop", 3),
        ("--client 1 --slower 1.5", 2),
        ("--client nobody", 0),
        ("--outcome interrupted --outcome return", 2),
        ("--since 2026-11-30T00:53:26 --until 2026-11-30T00:53:30", 2),
        ("--last 3", 3),
        ("--last 1 --denied", 1),
        ("--since 1s", 0),
    ],
)
def test_show_with_conditions(log: Path, options: str, count: int) -> None:
    if options == "--since 1s":  # the log's clock is ahead
        options = "--since 3000-01-01"
    assert len(shown(log, *options.split())) == count


async def test_what_is_shown_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    log = AuditLog(path)
    outcomes = get_args(Outcome)
    for outcome in outcomes:
        log.end(log.begin(1, CommandMessage("stop")), outcome, 0.1)
    for what in DENIED:
        log.note(what, client=1, command=CommandMessage("stop"))
    log.begin(1, CommandMessage("stop"))
    log.close()
    words = [line.split()[3] for line in shown(path, "--client", "1")]
    assert words == [*outcomes, *DENIED, UNKNOWN]
    for word in words:
        [line] = shown(path, "--outcome", word)
        assert line.split()[3] == word


def test_show_as_json(log: Path) -> None:
    found = [json.loads(line) for line in shown(log, "--json", "--denied")]
    assert [each["command"] for each in found] == ["screendump"]
    assert found[0]["reason"] == "found \x1b[2J"


async def test_show_on_a_terminal(tmp_path: Path) -> None:
    """A line fits; what is long is cut; the date is a heading; colours mark what went wrong."""
    entries = await make(tmp_path / "vm.audit")
    entries[5].time = "2026-12-01T01:00:00.123456Z"
    entries[5].name = "a client whose name is longer than others have"
    lines = EntryLines(Layout(80, palette=TERMINAL), is_utc=True, is_full=False)
    found = [line for each in entries for line in lines.of(each)]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in found]

    assert max(map(len, plain)) <= 80
    assert [line for line in plain if line.startswith("2026")] == [
        "2026-11-30",
        "2026-12-01",
        "2026-11-30",
    ]
    assert "\x1b[31;1merror      \x1b[0m" in "".join(found)
    assert "01:00:00.123Z" in "".join(plain)
    assert "1 a client whose name…" in "".join(plain)
    full = EntryLines(Layout(80, palette=TERMINAL), is_utc=True, is_full=True)
    assert max(len(line) for each in entries for line in full.of(each)) > 120


def test_times_that_are_none() -> None:
    lines = EntryLines(Layout(), is_utc=True, is_full=False)
    [line] = lines.of(Entry(number=1, time="x\x1b", what="odd"))
    assert line.split() == ["x\\u001b", "odd"]


def test_follow(log: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    program = start("audit", "show", log, "--follow", "--last", "2", "--utc")
    assert program.stdout is not None
    assert "stop" in program.stdout.readline()
    assert "closed" in program.stdout.readline()
    again = AuditLog(log)
    assert "opened" in program.stdout.readline()
    again.begin(1, CommandMessage("cont"))
    again.close()
    assert "closed" in program.stdout.readline()
    program.send_signal(signal.SIGINT)
    assert program.wait(PATIENCE) == INTERRUPTED


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    with ExitStack() as stack:

        def run_program(*words: str | Path) -> "subprocess.Popen[str]":
            argv = [sys.executable, "-m", "qmpeer", *map(str, words)]
            program = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            stack.enter_context(program)
            stack.callback(program.kill)
            return program

        yield run_program


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("show", "none"), 2, "none: No such file or directory"),
        (("show", "x", "--since", "yesterday"), 2, "found 'yesterday', expected a time such as"),
        (("show", "x", "--slower", "0"), 2, "--slower"),
        (("verify", "none"), 2, "none: No such file or directory"),
        (("verify", "x", "--head", "1"), 2, "--head"),
        (("key", "/none/x"), 2, "/none/x: No such file or directory"),
    ],
)
def test_mistakes(words: tuple[str, ...], status: int, error: str) -> None:
    found, output, errors = run(*words)
    assert (found, output) == (status, "")
    assert error in errors


def test_lines_that_are_no_records(log: Path) -> None:
    with log.open("a") as file:
        file.write("garbage\n")
    status, _, errors = run("show", log)
    assert (status, errors) == (0, "qmpeer audit show: 1 lines are no records; see verify\n")


# Times

NOW = datetime(2026, 11, 30, 14, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90s", "2026-11-30T12:28:30"),
        ("10min", "2026-11-30T12:20:00"),
        ("10m", "2026-11-30T12:20:00"),
        ("2h", "2026-11-30T10:30:00"),
        ("3d", "2026-11-27T12:30:00"),
        ("2026-11-29", "2026-11-29T00:00:00"),
        ("0001-01-02", "0001-01-02T00:00:00"),
        ("9:05", "2026-11-30T09:05:00"),
        ("14:30:05", "2026-11-30T14:30:05"),
        ("2026-11-30T14:30:05Z", "2026-11-30T14:30:05"),
        ("2026-11-30 14:30+02:00", "2026-11-30T12:30:00"),
    ],
)
def test_moments_in_utc(text: str, found: str) -> None:
    assert moment(text, NOW, is_utc=True) == f"{found}.000000Z"


def test_moments_here() -> None:
    here = datetime(2026, 11, 30).astimezone().astimezone(UTC)
    assert moment("2026-11-30", NOW, is_utc=False) == f"{here:%Y-%m-%dT%H:%M:%S}.000000Z"
    assert moment("2h", NOW, is_utc=False) == "2026-11-30T10:30:00.000000Z"


@pytest.mark.parametrize("text", ["", "x", "25:00", "2026-13-01", "-2h", "999999d"])
def test_no_moments(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time such as"):
        moment(text, NOW, is_utc=True)


# Verify


def test_verify_without_a_key(log: Path, tmp_path: Path) -> None:
    status, output, errors = run("verify", log)
    assert (status, errors) == (0, "")
    assert output == (
        f"{log}: records 1 to 10 are whole and in order\n"
        "no key: anybody who could write the log could also have made all of it anew\n"
        "the end is unproved: no head was given, so records behind 10 may be cut\n"
    )
    status, output, _ = run("verify", log, "--heads", tmp_path / "heads")
    assert status == 0
    assert output.endswith("a head proves the log up to its end, record 10\n")
    head = (tmp_path / "heads").read_text().split()[2]
    status, output, _ = run("verify", log, "--head", head)
    assert status == 0
    assert output.endswith("a head proves the log up to record 5; behind 10, records may be cut\n")


def test_verify_finds_the_first_fault(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], *lines[5:]]))
    status, output, errors = run("verify", log)
    assert status == 1
    assert output.startswith(f"{log}: records 1 to 4 are whole and in order\n")
    assert errors == (
        f"qmpeer audit verify: {log}:5: found record 6, expected record 5: "
        "one is missing or out of place\n"
    )
    log.write_bytes(b"".join(lines[:-1]))
    status, _, errors = run("verify", log, "--heads", tmp_path / "heads")
    assert status == 1
    assert errors == (
        f"qmpeer audit verify: {log}: found the end behind record 9, "
        "expected record 10, whose head was sent\n"
    )
    status, output, _ = run("verify", log, "--json", "--heads", tmp_path / "heads")
    found = json.loads(output)
    assert (status, found["last"], found["fault"]["number"], found["closed"]) == (1, 9, 10, False)
    log.write_bytes(b"")
    status, output, errors = run("verify", log)
    assert (status, output) == (1, f"{log}: no record is whole\n")


async def test_verify_with_a_key(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "vm.audit"
    AuditLog(path, key=read_key(str(key)), size=100, keep=1).close()
    status, output, errors = run("verify", path, "--key", key)
    assert (status, errors) == (0, "")
    assert "no key" not in output
    status, _, errors = run("verify", path)
    assert status == 2
    assert "expected --key FILE" in errors
    other = tmp_path / "other.key"
    run("key", other)
    status, output, errors = run("verify", path, "--key", other)
    assert (status, output) == (1, f"{path}: no record is whole\n")
    assert "expected one with key" in errors
    other.chmod(0o644)
    status, _, errors = run("verify", path, "--key", other)
    assert status == 2
    assert "expected 0600" in errors
    assert run("key", key)[0] == 2


def test_verify_with_heads_of_another_log(log: Path, tmp_path: Path) -> None:
    (tmp_path / "others").write_text(f"audit head 3:{'1' * 40} of log {'a' * 16}\n")
    status, _, errors = run("verify", log, "--heads", tmp_path / "others")
    assert status == 1
    assert "found no head of log" in errors
