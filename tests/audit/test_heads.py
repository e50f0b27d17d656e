"""Heads of the chain, sent to the system's log, to the journal and to a file.

Modules: heads.
"""

import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.audit import FileHead, Head, JournalHead, SyslogHead, head_at
from qmpeer.audit.heads import Heads, head_text
from tests.audit.logs import ADD, contents, open_log, records, verified


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as /dev/log is one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "log"))
        sock.settimeout(30)
        yield sock


async def test_each_so_many_records_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    log = open_log(path, head=FileHead(str(tmp_path / "heads")), every=5)
    for _ in range(12):
        log.begin(1, ADD)
    log.close()
    lines = (tmp_path / "heads").read_text().splitlines()
    macs = {each["number"]: each["mac"] for each in records(path)}
    heads = Heads(records(path)[0]["log"])
    heads.read(lines)

    assert heads.macs == {number: macs[number] for number in (5, 10, 14)}
    found = verified(contents(path), heads=heads.macs)
    assert (found.fault, found.proved, found.last) == (None, 14, 14)
    log = open_log(path, head=FileHead(str(tmp_path / "heads")))
    log.close()
    log.close()
    assert len((tmp_path / "heads").read_text().splitlines()) == 4


async def test_syslog(tmp_path: Path, logger: socket.socket) -> None:
    log = open_log(tmp_path / "vm.audit", head=SyslogHead(str(tmp_path / "log")))
    log.close()
    text = logger.recv(1000).decode()
    assert re.match(rf"<85>qmpeer\W{os.getpid()}\W: audit head 2:", text)
    heads = Heads(records(tmp_path / "vm.audit")[0]["log"])
    heads.read([f"Nov 30 03:12:17 host {text}\n"])
    assert heads.macs == {2: records(tmp_path / "vm.audit")[-1]["mac"]}


async def test_the_journal(tmp_path: Path, logger: socket.socket) -> None:
    log = open_log(tmp_path / "vm.audit", head=JournalHead(str(tmp_path / "log")))
    log.close()
    fields = dict(line.split("=", 1) for line in logger.recv(1000).decode().splitlines())
    assert fields["SYSLOG_IDENTIFIER"] == "qmpeer"
    assert fields["MESSAGE"].startswith("audit head 2:")


async def test_a_logger_that_is_restarted(tmp_path: Path, logger: socket.socket) -> None:
    head = SyslogHead(str(tmp_path / "log"))
    head.send("one")
    assert logger.recv(100).endswith(b"one")
    logger.close()
    with pytest.raises(ConnectionRefusedError):
        head.send("two")
    os.unlink(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "log"))
        head.send("three")
        assert other.recv(100).endswith(b"three")
    head.close()


async def test_nobody_reads(tmp_path: Path, logger: socket.socket) -> None:
    """It never blocks."""
    head = SyslogHead(str(tmp_path / "log"))
    with pytest.raises(BlockingIOError):
        while True:
            head.send("x" * 1000)
    head.close()


class Lost:
    """A place that can't be reached."""

    def __init__(self) -> None:
        self.is_lost = True
        self.texts: list[str] = []

    def send(self, text: str) -> None:
        if self.is_lost:
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self.texts.append(text)

    def close(self) -> None:
        pass


async def test_a_head_that_cannot_be_sent_is_trouble(tmp_path: Path) -> None:
    told: list[str] = []
    head: Head = (lost := Lost())
    path = tmp_path / "vm.audit"
    log = open_log(path, head=head, every=2, on_trouble=told.append)
    for _ in range(9):
        log.begin(1, ADD)
    assert told == [f"the audit log {path}: the head can't be sent: Connection refused"]
    lost.is_lost = False
    log.begin(1, ADD)
    log.begin(1, ADD)
    lost.is_lost = True
    log.begin(1, ADD)
    log.begin(1, ADD)
    log.close()
    assert len(told) == 2
    trouble = [each for each in records(path) if each["what"] == "trouble"]
    assert [each["reason"] for each in trouble] == [text.partition(": ")[2] for text in told]
    assert lost.texts
    assert verified(contents(path)).lost == 0


def test_the_places(tmp_path: Path) -> None:
    assert isinstance(head_at("syslog"), SyslogHead)
    assert isinstance(head_at("journal"), JournalHead)
    head = head_at(str(tmp_path / "heads"))
    assert isinstance(head, FileHead)
    head.close()
    head.close()
    with pytest.raises(FileNotFoundError):
        head_at(str(tmp_path / "none" / "heads"))


LOG, OTHER = "a" * 16, "b" * 16
ONE, TWO = "1" * 40, "2" * 40


def test_heads_in_a_text() -> None:
    heads = Heads(LOG)
    heads.read(
        [
            "audit head of nothing\n",
            f"Nov 30 03:12:17 host qmpeer: {head_text(3, ONE, LOG)}\n",
            f"{head_text(4, ONE, OTHER)} {head_text(5, ONE, LOG)}\r\n",
            f"audit head x:{ONE} of log {LOG}",
            f"audit head 7:{ONE}0 of log {LOG}",
            head_text(8, ONE, LOG) + "c",
        ]
    )
    assert heads.macs == {3: ONE, 5: ONE}
    heads.read([head_text(3, TWO, LOG), head_text(5, ONE, LOG)])
    assert heads.macs == {3: "", 5: ONE}


def test_only_the_last_heads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_HEADS", 3)
    heads = Heads(LOG)
    heads.read(head_text(number, ONE, LOG) for number in range(10))
    assert list(heads.macs) == [7, 8, 9]
