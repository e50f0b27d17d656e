"""An audit log that can't be written: what is refused, what is lost, and what the log says of it.

Modules: audit_log, chain_file, log_writer.
"""

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.audit import AuditLog
from qmpeer.audit.audit_log import Mode
from qmpeer.errors import AuditError
from qmpeer.messages import CommandMessage
from tests.audit.logs import ADD, KEY, Seconds, contents, open_log, records, verified
from tests.fuzzing import tried
from tests.patience import PATIENCE

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


MODES: Final[tuple[Mode, ...]] = ("strict", "best-effort")


class Disk:
    """A disk that takes only so many bytes.

    Attributes:
        room: The bytes that it takes; None for any number.
        error: What it raises when it is full.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self.error: OSError = FULL

    def write(self, fd: int, data: bytes) -> int:
        if self.room is None:
            return os.write(fd, data)
        if not self.room:
            raise self.error
        written = os.write(fd, data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vm.audit"


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG]
)
@pytest.mark.parametrize("room", [0, 1, 100])
async def test_strict(path: Path, number: int, room: int) -> None:
    told: list[str] = []
    disk = Disk()
    log = open_log(path, write=disk.write, on_trouble=told.append)
    before = log.begin(1, ADD)
    disk.room, disk.error = room, OSError(number, os.strerror(number))
    for _ in range(3):
        with pytest.raises(AuditError, match=f"can't be written: {os.strerror(number)}"):
            log.begin(1, ADD)
    log.end(before, "return", 0.1)
    log.note("left", client=1)
    assert told == [f"the audit log {path} can't be written: {os.strerror(number)}"]
    disk.room = None
    after = log.begin(1, ADD)
    log.close()

    _, first, trouble, end, begin, _ = records_but_torn(path)
    assert (first["number"], end["begin"], begin["number"]) == (before, before, after)
    assert trouble["reason"] == os.strerror(number)
    assert (trouble["refused"], trouble["lost"]) == (3, 1)
    assert first["time"] < trouble["since"] < trouble["time"]
    assert ("torn" in trouble) == (room > 0)
    assert verified(contents(path)).fault is None


def records_but_torn(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines()
    return [json.loads(line) for line in lines if b'"mac":"' in line]


async def test_best_effort(path: Path) -> None:
    told: list[str] = []
    sent: list[int] = []
    disk = Disk()
    log = open_log(path, mode="best-effort", write=disk.write, on_trouble=told.append)
    for _ in range(2):
        disk.room = 0
        numbers = [log.begin(1, ADD) for _ in range(3)]
        assert numbers == [0, 0, 0]
        log.when_safe(0, partial(sent.append, len(sent)), refused)
        log.end(0, "return", 0.1)
        disk.room = None
        assert log.begin(1, ADD)
        trouble = records(path)[-2]
        assert (trouble["what"], trouble["lost"], trouble["refused"]) == ("trouble", 3, 0)
    assert len(told) == len(sent) == 2
    log.close()
    assert verified(contents(path)).lost == 6


def refused(error: AuditError) -> None:
    pytest.fail(str(error))


async def test_it_is_tried_again_without_a_command(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_RETRY", 0.001)
    disk = Disk()
    log = open_log(path, write=disk.write)
    disk.room = 0
    log.note("denied", client=1)
    await asyncio.sleep(0.01)
    disk.room = None
    async with asyncio.timeout(PATIENCE):
        while records(path)[-1]["what"] != "trouble":
            await asyncio.sleep(0.001)
    assert records(path)[-1]["lost"] == 1
    log.close()


async def test_ends_wait_but_not_without_limit(path: Path) -> None:
    disk = Disk()
    log = open_log(path, write=disk.write)
    number = log.begin(1, CommandMessage("stop"))
    disk.room = 0
    for seconds in range(limits.AUDIT_PENDING + 5):
        log.end(number, "return", float(seconds))
    disk.room = None
    log.close()
    _, _, trouble, first, *_, last, _ = records(path)

    assert trouble["lost"] == 5
    assert (first["seconds"], last["seconds"]) == (5.0, limits.AUDIT_PENDING + 4)


async def test_a_short_write_goes_on(path: Path) -> None:
    def write(fd: int, data: bytes) -> int:
        return os.write(fd, data[:7])

    log = open_log(path, write=write)
    log.end(log.begin(1, ADD), "return", 0.1)
    log.close()
    assert len(records(path)) == 4
    assert verified(contents(path)).fault is None


async def test_a_write_that_writes_nothing(path: Path) -> None:
    sizes = iter([9, 0])

    def write(fd: int, data: bytes) -> int:
        return os.write(fd, data[: next(sizes, len(data))])

    with pytest.raises(AuditError, match="Input/output error"):
        open_log(path, write=write)


async def test_a_log_that_cannot_be_begun(path: Path) -> None:
    disk = Disk()
    disk.room = 0
    with pytest.raises(AuditError, match="No space left"):
        open_log(path, mode="best-effort", write=disk.write)
    disk.room = None
    open_log(path, write=disk.write).close()  # nobody holds it


def rooms() -> st.SearchStrategy[Sequence[int | None]]:
    return st.lists(st.none() | st.integers(0, 700), min_size=1, max_size=25)


@pytest.mark.property
@tried(0.3)
@given(
    rooms=rooms(),
    mode=st.sampled_from(["strict", "best-effort"]),
    size=st.sampled_from([300, 900, 3000, 10**6]),
)
def test_whatever_the_disk_takes(
    tmp_path_factory: pytest.TempPathFactory, rooms: Sequence[int | None], mode: str, size: int
) -> None:
    """What begin() says is recorded is recorded; what isn't is counted; the chain is whole."""
    path = tmp_path_factory.mktemp("audit") / "vm.audit"
    disk = Disk()
    log = AuditLog(path, mode=mode, key=KEY, clock=Seconds(), write=disk.write, size=size, keep=99)  # type: ignore[arg-type]
    numbers, failed = [], 0
    for room in rooms:
        disk.room = room
        try:
            number = log.begin(1, ADD)
        except AuditError:
            failed += 1
        else:
            failed += not number
            numbers += [number] * (number > 0)
    disk.room = None
    log.close()

    found = verified(contents(path))
    assert found.fault is None
    there = [each for data in contents(path).values() for each in whole_records(data)]
    assert [each["number"] for each in there if each["what"] == "begin"] == numbers
    lost = sum(each["lost"] + each["refused"] for each in there if each["what"] == "trouble")
    assert lost == failed if size > 700 * 25 else lost >= failed  # not all files can be begun


def whole_records(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:
            continue


PROGRAM = """
import asyncio, resource, sys
from qmpeer.audit import AuditLog
from qmpeer.errors import AuditError
from qmpeer.messages import CommandMessage

async def main():
    log = AuditLog(sys.argv[1], key=b"k" * 32)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    recorded, refused = 0, 0
    for _ in range(50):
        try:
            log.begin(1, CommandMessage("query-status"))
            recorded += 1
        except AuditError:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.close()
    print(recorded, refused)

asyncio.run(main())
"""


def test_a_real_limit(path: Path) -> None:
    """The kernel writes the beginning of a record, and then refuses the rest (EFBIG)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    recorded, refused = map(int, done.stdout.split())
    *_, torn, trouble, closed = path.read_bytes().splitlines()

    assert recorded + refused == 50
    assert path.read_bytes()[:2000].endswith(torn.removesuffix(b"#"))
    assert json.loads(trouble)["refused"] == refused > 20
    assert json.loads(trouble)["torn"]["bytes"] == len(torn) + 1  # the line ending
    assert json.loads(closed)["number"] == recorded + 3
    assert verified(contents(path)).fault is None


def test_a_real_full_disk(tmp_path: Path) -> None:
    """A file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    mount = ["unshare", "--mount", "sh", "-c"]
    script = 'mount -t tmpfs -o size=64k none "$0" && exec "$1" -c "$2" "$0/vm.audit"'
    program = PROGRAM.replace("range(50)", "range(2000)").replace("2000, res", "10**9, res")
    program = program.replace("    log.close()\n", CHECKS)
    done = subprocess.run(
        [*mount, script, tmp_path, sys.executable, program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    recorded, refused = map(int, done.stdout.split())
    assert recorded > 200
    assert recorded + refused == 2000


CHECKS = """
    import json, os
    data = open(sys.argv[1], "rb").read()
    with open(sys.argv[1], "r+b") as file:  # room again: what was written so far goes elsewhere
        file.truncate(0)
    log.note("left", client=1)
    trouble = json.loads(open(sys.argv[1], "rb").read().splitlines()[-2])
    assert trouble["reason"] == "No space left on device", trouble
    assert trouble["refused"] == refused, trouble
    assert trouble["torn"]["bytes"] == len(data) - data.rfind(b"\\n") + 1, trouble
    log.close()
"""


async def test_nothing_is_written_to_a_log_that_is_closed(path: Path) -> None:
    """Its descriptor may be that of another file by then."""
    texts: list[str] = []
    logs = [AuditLog(f"{path}{mode}", mode=mode, on_trouble=texts.append) for mode in MODES]
    for log in logs:
        log.close()
    others = [os.open(f"{path}.other{n}", os.O_RDWR | os.O_CREAT) for n in range(8)]
    try:
        for log in logs:
            log.note("left", client=1)
            log.end(1, "return", 0.1)
        with pytest.raises(AuditError, match="it is closed"):
            logs[0].begin(1, CommandMessage("stop"))
        assert logs[1].begin(1, CommandMessage("stop")) == 0
        await asyncio.sleep(0)
        assert not any(os.fstat(fd).st_size for fd in others)
        assert not texts
    finally:
        for fd in others:
            os.close(fd)
