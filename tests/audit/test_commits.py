"""Records on the disk: what waits for that, and what a loss of power leaves.

Modules: commits.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.audit import AuditLog
from qmpeer.errors import AuditError
from qmpeer.messages import CommandMessage
from tests.audit.logs import ADD, KEY, contents, open_log, records, verified
from tests.patience import PATIENCE

BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))


class Disk:
    """A disk whose power may go: of each file it has what was there at the last sync.

    Attributes:
        files: The contents by the file's number, in the order in which they came.
        syncs: The number of syncs.
        error: What the next syncs raise.
        may_go_on: Cleared to hold a sync up.
    """

    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}
        self.syncs = 0
        self.error: OSError | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def sync(self, fd: int) -> None:
        number = os.fstat(fd).st_ino
        with open(f"/proc/self/fd/{fd}", "rb") as file:
            data = file.read()  # what is written meanwhile may be there, too, or not
        self.syncs += 1
        self.may_go_on.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        self.files[number] = data

    def after_power_loss(self) -> dict[str, bytes]:
        """Return the files; a line that was being written during the sync is left out."""
        return {str(number): data[: data.rfind(b"\n") + 1] for number, data in self.files.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vm.audit"


def fail(error: AuditError) -> None:
    pytest.fail(str(error))


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_true():
            await asyncio.sleep(0)


@pytest.mark.parametrize("size", [10**6, 4000])
async def test_no_command_is_sent_whose_record_a_loss_of_power_takes(path: Path, size: int) -> None:
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync, size=size, keep=1000)
    sent: list[int] = []

    wrong: list[object] = []

    def send(number: int) -> None:
        left = disk.after_power_loss()
        if b'{"number":%d,' % number not in b"".join(left.values()):
            wrong.append(number)
        if (fault := verified(left).fault) is not None:
            wrong.append(fault)
        sent.append(number)
        log.end(number, "return", 0.001)

    numbers = []
    for turn in range(40):
        for _ in range(turn % 7):
            numbers.append(number := log.begin(1, ADD))
            log.when_safe(number, lambda number=number: send(number), fail)  # type: ignore[misc]
        await asyncio.sleep(0)
    await until(lambda: sent == numbers)
    log.close()
    assert wrong == []
    found = verified(disk.after_power_loss())
    assert (found.fault, found.is_closed) == (None, True)
    assert len(disk.files) == len(contents(path)) > (1 if size < 10**6 else 0)


async def test_commands_share_a_sync(path: Path) -> None:
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync)
    before = disk.syncs
    sent: list[int] = []
    disk.may_go_on.clear()
    for turn in range(10):
        for _ in range(10):
            number = log.begin(1, ADD)
            log.when_safe(number, lambda number=number: sent.append(number), fail)  # type: ignore[misc]
        await asyncio.sleep(0)
        if turn == 1:
            await until(lambda: disk.syncs == before + 1)
    assert sent == []
    disk.may_go_on.set()
    await until(lambda: len(sent) == 100)
    assert sent == sorted(sent)
    assert disk.syncs == before + 2
    log.close()


async def test_what_is_safe_already_is_sent_at_once(path: Path) -> None:
    log = open_log(path, fsync="command")
    sent: list[int] = []
    number = log.begin(1, ADD)
    log.when_safe(number, lambda: sent.append(1), fail)
    await until(lambda: bool(sent))
    log.when_safe(number, lambda: sent.append(2), fail)
    assert sent == [1, 2]
    log.close()


@pytest.mark.parametrize("fsync", ["off", 3600])
async def test_otherwise_nothing_waits(path: Path, fsync: str) -> None:
    disk = Disk()
    log = open_log(path, fsync=fsync, sync=disk.sync)
    sent: list[int] = []
    before = disk.syncs
    log.when_safe(log.begin(1, ADD), lambda: sent.append(1), fail)
    assert sent == [1]
    log.close()
    assert disk.syncs - before == (0 if fsync == "off" else 1)


async def test_each_so_many_seconds(path: Path) -> None:
    disk = Disk()
    log = open_log(path, fsync=0.001, sync=disk.sync)
    for _ in range(3):
        before = disk.syncs
        number = log.begin(1, ADD)
        await until(lambda: disk.syncs > before)  # noqa: B023  # called before the loop goes on
        await until(lambda: b'{"number":%d,' % number in b"".join(disk.files.values()))  # noqa: B023
    log.close()


async def test_ends_come_to_the_disk_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_SYNC", 0.001)
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync)
    number = log.begin(1, ADD)
    log.when_safe(number, lambda: log.end(number, "return", 0.1), fail)
    await until(lambda: b'"what":"end"' in b"".join(disk.files.values()))
    log.close()


async def test_strict(path: Path) -> None:
    """Linux tells of an error once: what was refused stays refused, and what comes goes on."""
    disk = Disk()
    told: list[str] = []
    log = open_log(path, fsync="command", sync=disk.sync, on_trouble=told.append)
    refused: list[str] = []
    sent: list[int] = []
    disk.error = BROKEN
    for _ in range(3):
        number = log.begin(1, ADD)
        log.when_safe(number, fail, lambda error: refused.append(str(error)))  # type: ignore[arg-type]
    await until(lambda: len(refused) == 3)
    assert refused[0].endswith("the audit log can't be brought to the disk: Input/output error")
    number = log.begin(1, ADD)
    log.when_safe(number, fail, lambda error: refused.append(str(error)))  # type: ignore[arg-type]
    await until(lambda: len(refused) == 4)
    assert told == [f"the audit log {path} can't be written: Input/output error"]
    disk.error = None
    log.when_safe(log.begin(1, ADD), lambda: sent.append(1), fail)
    await until(lambda: bool(sent))
    log.close()
    assert "trouble" in [each["what"] for each in records(path)]
    assert verified(contents(path)).fault is None


async def test_best_effort(path: Path) -> None:
    disk = Disk()
    log = open_log(path, mode="best-effort", fsync="command", sync=disk.sync)
    sent: list[int] = []
    disk.error = BROKEN
    log.when_safe(log.begin(1, ADD), lambda: sent.append(1), fail)
    await until(lambda: bool(sent))
    log.close()


@pytest.mark.parametrize("error", [None, BROKEN])
async def test_what_waits_at_the_end(path: Path, error: OSError | None) -> None:
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync)
    went: list[str] = []
    number = log.begin(1, CommandMessage("stop"))
    log.when_safe(number, lambda: went.append("sent"), lambda _: went.append("refused"))
    disk.error = error
    log.close()
    assert went == ["sent" if error is None else "refused"]
    await asyncio.sleep(0)


async def test_a_log_that_cannot_be_synced_is_not_opened(path: Path) -> None:
    disk = Disk()
    disk.error = BROKEN
    with pytest.raises(AuditError, match="Input/output error"):
        open_log(path, fsync="command", sync=disk.sync)
    assert not [each for each in threading.enumerate() if each.name == "qmpeer-audit"]


def test_a_loop_that_is_closed_with_a_sync_running(path: Path) -> None:
    disk = Disk()
    logs: list[AuditLog] = []

    async def main() -> None:
        log = AuditLog(path, key=KEY, fsync="command", sync=disk.sync)
        disk.may_go_on.clear()
        log.when_safe(log.begin(1, ADD), lambda: None, fail)
        before = disk.syncs
        await until(lambda: disk.syncs == before + 1)
        logs.append(log)

    asyncio.run(main())
    disk.may_go_on.set()
    logs[0].close()
    assert verified(contents(path)).is_closed


async def test_one_that_raises_does_not_hold_up_the_others(path: Path) -> None:
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync)
    sent: list[int] = []
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))

    def send() -> None:
        raise ValueError

    number = log.begin(1, ADD)
    log.when_safe(number, send, fail)
    log.when_safe(number, lambda: sent.append(1), fail)
    await until(lambda: sent == [1])
    assert len(raised) == 1
    log.close()


async def test_after_one_that_raises_the_others_get_the_result_of_their_own_sync(
    path: Path,
) -> None:
    disk = Disk()
    log = open_log(path, fsync="command", sync=disk.sync)
    went: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def refuse(_: AuditError) -> None:
        disk.error = None  # the next sync succeeds, and says nothing about this record
        raise ValueError

    disk.error = BROKEN
    number = log.begin(1, ADD)
    log.when_safe(number, lambda: fail(AuditError("sent", log.path)), refuse)
    log.when_safe(number, lambda: went.append("sent"), lambda _: went.append("refused"))
    await until(lambda: bool(went))
    assert went == ["refused"]
    log.close()


async def test_one_that_raises_when_it_is_told_of_trouble(path: Path) -> None:
    disk = Disk()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    refused: list[object] = []

    def tell(_: str) -> None:
        raise ValueError

    log = open_log(path, fsync="command", sync=disk.sync, on_trouble=tell)
    disk.error = BROKEN
    log.when_safe(log.begin(1, ADD), lambda: fail(AuditError("sent", log.path)), refused.append)
    await until(lambda: len(refused) == 1)
    log.close()


async def test_one_that_raises_at_the_end(path: Path) -> None:
    log = open_log(path, fsync="command")
    went: list[int] = []

    def send() -> None:
        went.append(1)
        raise ValueError

    number = log.begin(1, ADD)
    log.when_safe(number, send, fail)
    log.when_safe(number, lambda: went.append(2), fail)
    with pytest.raises(ValueError):
        log.close()
    assert went == [1, 2]
    open_log(path).close()  # nobody writes it any more


async def test_a_system_without_a_thread_for_the_syncs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    log = open_log(path, fsync="command")
    refused: list[str] = []
    sent: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        log.when_safe(log.begin(1, ADD), lambda: sent.append(1), lambda e: refused.append(str(e)))
        await until(lambda: bool(refused))
    assert refused[0].endswith("the audit log can't be brought to the disk: can't start new thread")
    log.when_safe(log.begin(1, ADD), lambda: sent.append(2), fail)
    await until(lambda: sent == [2])
    log.close()
