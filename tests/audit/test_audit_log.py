"""The contents of an audit log at every moment: two records a command, blanked, whole.

Modules: arguments, audit_log, log_writer, records.
"""

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.audit import AuditLog
from qmpeer.audit.chain import Chain
from qmpeer.errors import AuditError
from qmpeer.messages import REDACTED, CommandMessage
from qmpeer.values import JsonObject
from tests.audit.logs import ADD, KEY, Seconds, contents, open_log, records, verified
from tests.fuzzing import tried
from tests.patience import PATIENCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vm.audit"


async def test_two_records_a_command(path: Path) -> None:
    log = open_log(path)
    number = log.begin(3, ADD, rule="disks", fds=1)
    log.end(number, "error", 0.0123456789, "GenericError", "Failed to get lock")
    log.close()
    opened, begin, end, closed = records(path)

    assert {each["time"][:17] for each in records(path)} == {"2026-11-30T00:53:"}
    assert begin.pop("time") == "2026-11-30T00:53:22.000000Z"
    assert len(begin.pop("mac")) == 40
    assert begin == {
        "number": number,
        "what": "begin",
        "client": 3,
        "command": "blockdev-add",
        "arguments": ADD.arguments,
        "rule": "disks",
        "fds": 1,
    }
    assert (end["begin"], end["outcome"], end["seconds"]) == (number, "error", 0.012346)
    assert (end["class"], end["desc"]) == ("GenericError", "Failed to get lock")
    assert (opened["what"], opened["pid"], closed["what"]) == ("opened", os.getpid(), "closed")
    assert [each["number"] for each in records(path)] == [1, 2, 3, 4]


async def test_when_records_are_written(path: Path) -> None:
    """A beginning before begin() returns; an end with the next record, or a moment later."""
    log = open_log(path)
    one = log.begin(1, CommandMessage("stop"))
    assert records(path)[-1]["number"] == one
    log.end(one, "return", 0.1)
    assert records(path)[-1]["number"] == one
    two = log.begin(1, CommandMessage("cont"))
    assert [each["number"] for each in records(path)][-2:] == [two - 1, two]
    log.end(two, "return", 0.1)
    async with asyncio.timeout(PATIENCE):
        while records(path)[-1].get("begin") != two:
            await asyncio.sleep(0.01)
    log.close()


async def test_who_did_it(path: Path) -> None:
    log = open_log(path)
    log.note("connected", client=1, uid=0, gid=None, process="virsh\x1b[2J")
    assert records(path)[-1]["process"] == "virsh\x1b[2J"
    assert records(path)[-1]["gid"] is None
    assert b"\x1b" not in path.read_bytes()
    log.close()


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        (CommandMessage("set_password", {"protocol": "vnc", "password": "hush-hush"}), "hush"),
        (CommandMessage("object-add", {"qom-type": "secret", "data": "hush-hush"}), "hush"),
        (CommandMessage("guest-file-write", {"handle": 1, "buf-b64": "aHVzaA=="}), "aHVzaA"),
        (CommandMessage("screendump", {"filename": "http://me:hush@host/"}), "hush"),
        (CommandMessage("human-monitor-command", {"command-line": "change vnc password hush"}),
         "hush"),
    ],
)  # fmt: skip
async def test_no_secrets(path: Path, command: CommandMessage, secret: str) -> None:
    log = open_log(path)
    for _ in range(2):
        number = log.begin(1, command)
        log.end(number, "error", 0.1, "GenericError", "bad value hush-hush")
        log.note("denied", client=1, command=command, reason="found hush-hush, expected none")
    log.close()
    text = path.read_text()

    assert secret not in text.replace("bad value hush-hush", "").replace("found hush-hush", "")
    if "hush-hush" in json.dumps(command.arguments):
        assert "hush" not in text
    assert REDACTED in text
    assert text.count(command.name) == 4


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"a": 2**70}, {"a": 2**70}),
        ({"a\ud800": "b\udfff"}, {"a�": "b�"}),
        ({"a": [1.5, None, True, "é\x1b"]}, {"a": [1.5, None, True, "é\x1b"]}),
        ({}, None),
        (None, None),
    ],
)
async def test_odd_arguments(path: Path, arguments: Any, found: Any) -> None:
    log = open_log(path)
    log.begin(1, CommandMessage("x\ud800", arguments))
    log.note("denied", command=CommandMessage("x\ud800", arguments))
    assert [each.get("arguments") for each in records(path)[-2:]] == [found, found]
    assert records(path)[-1]["command"] == "x?"
    log.close()


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


async def test_long_arguments_are_a_digest(path: Path) -> None:
    log = open_log(path)
    for _ in range(2):
        log.begin(1, CommandMessage("x", {"a": "x" * limits.AUDIT_ARGUMENTS}))
        assert records(path)[-1]["cut"] is True
    one, two = records(path)[-2:]
    assert one["arguments"] == two["arguments"]
    assert one["arguments"]["bytes"] == limits.AUDIT_ARGUMENTS + 8
    log.begin(1, CommandMessage("x" * 5000, {"a": nested(900)}))
    assert len(records(path)[-1]["command"]) == limits.AUDIT_TEXT + 1
    log.note("odd", **{str(number): "x" * 1000 for number in range(1000)})
    assert records(path)[-1]["cut"] is True
    assert max(map(len, path.read_bytes().split(b"\n"))) < limits.AUDIT_LINE
    assert verified(contents(path)).fault is None
    log.close()


async def test_a_denied_command_takes_little(path: Path) -> None:
    """Who asks again and again for what it may not have pushes few records out of the log."""
    log = open_log(path)
    whole: JsonObject = {"a": "x" * (limits.AUDIT_DENIED_ARGUMENTS - 8)}
    long: JsonObject = {"a": "x" * 15_000}
    for name in ("x", "\0" * 5000):
        for arguments, is_cut in ((whole, False), (long, True)):
            command = CommandMessage(name, arguments)
            log.note("denied", client=1, command=command, reason="\0" * 5000)
            denied = records(path)[-1]
            assert denied.get("cut", False) is is_cut
            assert denied["command"] in ("x", "\0" * limits.AUDIT_DENIED_NAME + "…")
            log.begin(1, command)
            assert records(path)[-1]["arguments"] == arguments
            if is_cut:
                assert denied["arguments"]["bytes"] == 15_008
    longest = max(len(line) for line in path.read_bytes().split(b"\n") if b'"denied"' in line)
    assert 7500 < longest <= 8192  # as docs/howto/who-did-what.md says
    log.close()


async def test_harmless_arguments_are_looked_at_once(path: Path) -> None:
    """What is remembered about one command says nothing about another one."""
    log = open_log(path)
    arguments: JsonObject = {"data": "hush", "qom-type": "secret"}
    for _ in range(2):
        log.begin(1, CommandMessage("query-stats", {"path": "hush"}))
        log.begin(1, CommandMessage("x-query", arguments))
        log.begin(1, CommandMessage("object-add", arguments))
    shown = [each.get("arguments", {}).get("data") for each in records(path)[1:]]
    assert shown == [None, "hush", REDACTED] * 2
    for number in range(limits.AUDIT_REMEMBERED + 2):
        log.begin(1, CommandMessage("query-stats", {"number": number}))
    log.close()


# The file


async def test_the_file_is_private_and_its_own(path: Path) -> None:
    path.touch(0o644)
    log = open_log(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(AuditError, match="another process writes it"):
        open_log(path)
    log.close()
    open_log(path).close()


async def test_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a text\n")
    (tmp_path / "link").symlink_to("text")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for name, reason in {
        "text": "found another kind of file, expected an audit log",
        "link": "Too many levels of symbolic links",
        "pipe": "found no regular file",
        "none/vm": "No such file or directory",
        ".": "Is a directory",
    }.items():
        with pytest.raises(AuditError, match=reason):
            open_log(tmp_path / name)
    os.close(reader)
    assert (tmp_path / "text").read_text() == "a text\n"


async def test_another_key(path: Path) -> None:
    open_log(path).close()
    before = path.read_bytes()
    for key, expected in ((None, "no key"), (b"x", "key ")):
        with pytest.raises(
            AuditError, match=f"found a log with key .*, expected one with {expected}"
        ):
            AuditLog(path, key=key)
    assert path.read_bytes() == before


@pytest.mark.parametrize("rest", [b'{"number":3,"ti', b"\0" * 300, b"{}\n\n", b"x\nx"])
async def test_torn_records_are_kept_and_explained(path: Path, rest: bytes) -> None:
    open_log(path).close()
    before = path.read_bytes()
    path.write_bytes(before + rest)
    open_log(path).close()
    *_, trouble, opened, closed = map(json.loads, path.read_bytes().splitlines()[-3:])

    assert path.read_bytes().startswith(before + rest)
    assert trouble["torn"]["bytes"] == len(rest) + (0 if rest.endswith(b"\n") else 2)
    assert [trouble["number"], opened["number"], closed["number"]] == [3, 4, 5]
    found = verified(contents(path))
    assert (found.fault, found.last, found.troubles) == (None, 5, 1)
    for other in (before + b"y" + rest, before + rest[1:], before):
        tampered = {"x": other + path.read_bytes()[len(before + rest) :]}
        assert verified(tampered).fault is not None


async def test_a_record_that_lacks_its_line_ending(path: Path) -> None:
    """It doesn't become one when the line is ended: its number is given again."""
    open_log(path).close()
    before = path.read_bytes()
    body = b'{"number":3,"time":"","what":"begin"'
    line = Chain(KEY).sealed(records(path)[-1]["mac"], body)[1]
    path.write_bytes(before + line[:-1])
    open_log(path).close()
    found = verified(contents(path))
    assert (found.fault, found.last, found.troubles) == (None, 5, 1)


async def test_nothing_but_a_torn_first_record(path: Path) -> None:
    path.write_bytes(b'{"number":1,"ti')
    with pytest.raises(AuditError, match="expected an audit log"):
        open_log(path)


# Rotation


async def test_rotation(path: Path) -> None:
    log = open_log(path, size=3000, keep=2)
    for _ in range(60):
        log.end(log.begin(1, ADD), "return", 0.1)
    log.close()
    files = contents(path)
    old, _, current = files.values()

    assert len(files) == 3
    assert all(3000 <= len(data) < 3600 for data in list(files.values())[:-1])
    first = json.loads(current.splitlines()[0])
    name, before = list(files.items())[-2]
    assert first["what"] == "continued"
    assert first["before"] == {
        "file": os.path.basename(name),
        "mac": json.loads(before.splitlines()[-1])["mac"],
    }
    assert int(name[-12:]) == json.loads(before.splitlines()[0])["number"]
    assert json.loads(old.splitlines()[0])["number"] > 1
    found = verified(files)
    assert (found.fault, found.first) == (None, json.loads(old.splitlines()[0])["number"])
    open_log(path, size=3000).close()
    assert verified(contents(path)).fault is None


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_rotation_that_was_cut_off(path: Path, is_written: bool) -> None:
    """Between its two steps, both names are those of the full file."""
    open_log(path).close()
    os.link(path, f"{path}.000000000001")
    if is_written:
        (path.parent / "vm.audit.new").write_bytes(b"the beginning of")
    open_log(path).close()

    assert os.listdir(path.parent) == [path.name]
    assert verified(contents(path)).fault is None


async def test_no_new_file_can_be_begun(path: Path) -> None:
    told: list[str] = []
    log = open_log(path, size=1500, on_trouble=told.append)
    (path.parent / "vm.audit.000000000001").mkdir()
    for _ in range(20):
        log.end(log.begin(1, ADD), "return", 0.1)
    assert told
    assert "no new file can be begun" in told[0]
    os.rmdir(path.parent / "vm.audit.000000000001")
    for _ in range(20):
        log.end(log.begin(1, ADD), "return", 0.1)
    log.close()
    found = verified(contents(path))
    assert (found.fault, found.lost) == (None, 0)
    assert found.troubles == len(told)
    assert len(contents(path)) > 1


@pytest.mark.parametrize("is_moved", [True, False])
@pytest.mark.parametrize("fsync", ["off", "command"])
async def test_a_file_that_somebody_moves(path: Path, is_moved: bool, fsync: str) -> None:
    told: list[str] = []
    log = open_log(path, on_trouble=told.append, fsync=fsync)
    for _ in range(5):
        log.begin(1, ADD)
    path.rename(moved := path.with_name("moved"))
    if not is_moved:
        moved.unlink()
    numbers = [log.begin(1, ADD) for _ in range(limits.AUDIT_LOOK + 5)]
    assert told == [f"the audit log {path}: somebody has moved or removed the file"]
    assert records(path)[-1]["number"] == numbers[-1]
    found = verified(contents(path))
    assert found.fault is None
    assert found.first > 5
    if is_moved:
        assert verified({"moved": moved.read_bytes(), **contents(path)}).first == 1
    log.close()


async def test_another_file_in_the_place_of_the_log(path: Path) -> None:
    told: list[str] = []
    log = open_log(path, on_trouble=told.append)
    path.rename(path.with_name("moved"))
    path.write_text("not a log\n")
    for _ in range(3 * limits.AUDIT_LOOK):
        log.begin(1, ADD)
    assert len(told) == 1
    path.unlink()
    for _ in range(limits.AUDIT_LOOK + 1):
        log.begin(1, ADD)
    log.close()
    moved = path.with_name("moved").read_bytes()
    assert verified({"moved": moved, **contents(path)}).fault is None
    assert sorted(os.listdir(path.parent)) == ["moved", "vm.audit"]


# Anything

NAMES = st.text(st.characters(exclude_categories=()), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.property
@tried(0.3)
@given(
    name=NAMES,
    arguments=st.none() | st.dictionaries(NAMES, VALUES, max_size=4),
    facts=st.dictionaries(st.sampled_from(["client", "reason", "x"]), VALUES, max_size=3),
)
def test_whatever_is_recorded_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, name: str, arguments: Any, facts: Any
) -> None:
    path = tmp_path_factory.mktemp("audit") / "vm.audit"
    log = AuditLog(path, key=KEY, clock=Seconds())
    log.begin(1, CommandMessage(name, arguments))
    log.note("denied", command=CommandMessage(name, arguments), **facts)
    log.close()

    assert verified(contents(path)).fault is None
    assert len(records(path)) == 4
