"""Reading a log while its proxy writes and rotates it.

Modules: files, reading.
"""

import os
import resource
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.audit.files import rotated_files
from qmpeer.audit.reading import line_blocks, lines_of, open_files
from tests.audit.logs import ADD, contents, open_log, verified


class Done(Exception):
    """Raised to end the following of a log."""


async def test_a_log_is_followed_through_its_rotations(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    log = open_log(path, size=1500, keep=100)
    steps = iter([0, 1, 30, 0, 2, 9])

    def wait() -> None:
        count = next(steps, None)
        if count is None:
            raise Done
        for _ in range(count):
            log.end(log.begin(1, ADD), "return", 0.1)

    found: list[bytes] = []
    with pytest.raises(Done):
        for block in line_blocks(str(path), wait):
            found += block
    log.close()
    there = b"".join(contents(path).values()).split(b"\n")
    assert len(contents(path)) > 5
    assert found == there[: len(found)]
    assert len(found) >= 42 * 2


async def test_files_that_are_removed_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    log = open_log(path, size=600, keep=1)
    steps = iter([1, 30, 0])
    numbers: list[int] = []

    def wait() -> None:
        count = next(steps, None)
        if count is None:
            raise Done
        numbers.extend(log.begin(1, ADD) for _ in range(count))

    found: list[bytes] = []
    with pytest.raises(Done):
        for block in line_blocks(str(path), wait):
            found += block
    log.close()
    text = b"".join(found)
    assert b'{"number":%d,' % numbers[-1] in text
    assert b'{"number":%d,' % numbers[8] not in text


async def test_a_log_that_goes_while_it_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    open_log(path).close()
    rounds = iter(range(3))

    def wait() -> None:
        path.unlink(missing_ok=True)
        if next(rounds, None) is None:
            raise Done

    with pytest.raises(Done):
        list(line_blocks(str(path), wait))


def test_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    path.write_bytes(b"one\ntw")
    assert list(line_blocks(str(path))) == [[b"one"]]
    pieces = iter([b"o", b"\nthree\n"])

    def wait() -> None:
        piece = next(pieces, None)
        if piece is None:
            raise Done
        with path.open("ab") as file:
            file.write(piece)

    found: list[list[bytes]] = []
    with pytest.raises(Done):
        for block in line_blocks(str(path), wait):
            found.append(block)
    assert [each for block in found for each in block] == [b"one", b"two", b"three"]


def test_lines_that_are_too_long(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    path.write_bytes(b"x" * (limits.AUDIT_LINE * 40) + b"\ny\n")
    with path.open("rb") as file:
        assert max(map(len, lines_of(file))) == limits.AUDIT_LINE
    lines = [line for block in line_blocks(str(path)) for line in block]
    assert sum(map(len, lines)) == limits.AUDIT_LINE * 40 + 1


def test_the_full_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vm.audit"
    for name in (
        "vm.audit",
        "vm.audit.000000000010",
        "vm.audit.000000000009",
        "vm.audit.new",
        "vm.audit.1",
        "vm.audit.00000000001a",
        "other.audit.000000000001",
    ):
        (tmp_path / name).touch()
    assert rotated_files(str(path)) == [f"{path}.000000000009", f"{path}.000000000010"]
    monkeypatch.chdir(tmp_path)
    assert rotated_files("vm.audit") == ["vm.audit.000000000009", "vm.audit.000000000010"]
    assert [name for name, _ in open_files("vm.audit")] == [
        "vm.audit.000000000009",
        "vm.audit.000000000010",
        "vm.audit",
    ]
    with pytest.raises(FileNotFoundError):
        next(open_files("none"))


def test_a_rotation_between_its_two_steps(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    path.write_bytes(b"one\n")
    os.link(path, f"{path}.000000000001")
    assert [name for name, _ in open_files(str(path))] == [str(path)]
    assert list(line_blocks(str(path))) == [[b"one"]]


async def test_a_thousand_files_are_not_open_at_once(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    log = open_log(path, size=1, keep=10**6)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    for _ in range(200):
        log.begin(1, ADD)
    log.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, limit[1]))
    try:
        assert verified(contents(path)).fault is None
        assert sum(map(len, line_blocks(str(path)))) > 400
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
