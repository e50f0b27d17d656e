"""The page on QEMU's releases, compared with the QEMU at hand."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.schema import (
    CommandDefinition,
    EventDefinition,
    Schema,
    find,
    schema_from_introspection,
)
from tests.docs.pages import DOCS
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

PAGE = (DOCS / "qemu-releases.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| (yes|no) \| (yes|no) \|", PAGE, re.MULTILINE)
"""Rows: an expression of ``qmpeer schema has``, and "yes" or "no" for 7.2 and for 10.0."""
TEXTS = re.findall(
    r"^\| `([^`]+)`[^|]* \| `([^`]+)` \| `([^`]+)` \|$",
    PAGE.partition("\n## Texts\n")[2].partition("\n## ")[0],
    re.MULTILINE,
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "blockdev-add": {
        "driver": "blkdebug",
        "node-name": "d",
        "image": {"driver": "null-co"},
        "align": -1,
    },
    "expire_password": {"protocol": "vnc", "time": "x"},
    "dump-guest-memory": {"paging": False, "protocol": "x"},
}
NUMBERS = re.search(
    r"7\.2 has (\d+) commands and (\d+) events, QEMU 10\.0 has (\d+) and (\d+)", PAGE
)
COLUMNS = {(7, 2): 0, (10, 0): 1}


@pytest.fixture(scope="module")
def column(qemu_version: tuple[int, int]) -> int:
    """Return the index of the running release's column."""
    if qemu_version not in COLUMNS:
        pytest.skip("the page is about QEMU 7.2 and 10.0, and this is {}.{}".format(*qemu_version))
    return COLUMNS[qemu_version]


@pytest.fixture(scope="module")
def vm(program: Callable[[str], str], column: int) -> Iterator[Client]:
    with Client.launch([program(QEMU), *BASE]) as vm:
        yield vm


@pytest.fixture(scope="module")
def schema(vm: Client) -> Schema:
    return schema_from_introspection(vm.execute("query-qmp-schema"))


def test_each_row_tells_of_a_difference() -> None:
    assert len(ROWS) > 70
    assert [name for name, before, after in ROWS if before == after] == []
    assert len({name for name, _, _ in ROWS}) == len(ROWS)


@pytest.mark.real
def test_what_the_rows_say_is_so(schema: Schema, column: int) -> None:
    said = {name: said[column] == "yes" for name, *said in ROWS}
    assert {name: find(schema, name).is_there for name in said} == said


def names_of(row_column: int) -> set[str]:
    return {
        row[0] for row in ROWS if row[1 + row_column] == "yes" and re.fullmatch(r"[\w-]+", row[0])
    }


def test_the_numbers_agree_with_the_rows() -> None:
    assert NUMBERS
    commands, events, later_commands, later_events = map(int, NUMBERS.groups())
    gone, new = names_of(0), names_of(1)

    def growth(is_event: bool) -> int:
        return sum(name.isupper() == is_event for name in new) - sum(
            name.isupper() == is_event for name in gone
        )

    assert commands + growth(is_event=False) == later_commands
    assert events + growth(is_event=True) == later_events


@pytest.mark.real
def test_no_command_and_no_event_is_left_out(vm: Client, schema: Schema, column: int) -> None:
    assert vm.greeting is not None
    assert vm.greeting.version is not None
    if not vm.greeting.version.package.startswith("Debian"):
        pytest.skip("the numbers are those of Debian's builds")
    assert NUMBERS
    commands = sum(isinstance(entity, CommandDefinition) for entity in schema.entities)
    events = sum(isinstance(entity, EventDefinition) for entity in schema.entities)
    assert (commands, events) == tuple(map(int, NUMBERS.groups()))[2 * column : 2 * column + 2]


@pytest.mark.real
def test_the_texts_are_those_of_the_release(vm: Client, column: int) -> None:
    assert len(TEXTS) == PAGE.partition("\n## Texts\n")[2].partition("\n## ")[0].count("\n| `") == 9
    for command, *texts in TEXTS:
        arguments = ARGUMENTS.get(command, {})
        if command == "migrate" and "bogus" in texts[1]:
            arguments = {"uri": "bogus:x"}
        with pytest.raises(CommandError) as caught:
            vm.execute(command, arguments)
        assert caught.value.desc == texts[column], command


@pytest.mark.real
def test_a_migration_that_never_began(vm: Client, column: int) -> None:
    with pytest.raises(CommandError):
        vm.execute("migrate", {"uri": "bogus:x"})
    assert vm.execute("query-migrate").get("status") == ("failed", None)[column]


class Disk:
    """A disk whose sectors can't be read, at the ports of an IDE controller."""

    def __init__(self, program: str, path: Path) -> None:
        image = {"driver": "null-co", "size": 1 << 20}
        fault = {"event": "none", "iotype": "read", "errno": 5}
        node = {"driver": "blkdebug", "node-name": "d", "image": image, "inject-error": [fault]}
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        with listener:
            argv = [program, "-machine", "pc", "-accel", "tcg", "-S", "-nodefaults"]
            argv += ["-display", "none", "-qtest", f"unix:{path}", "-blockdev", json.dumps(node)]
            argv += ["-device", "ide-hd,drive=d,bus=ide.0,rerror=report"]
            self.vm = Client.launch(argv)
            listener.settimeout(PATIENCE)
            connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        self._ports = connection.makefile("rw")
        connection.close()

    def _ask(self, line: str) -> str:
        self._ports.write(f"{line}\n")
        self._ports.flush()
        answer = self._ports.readline()
        assert answer.startswith("OK"), answer
        return answer[3:]

    def read(self) -> None:
        """Read a sector; return when the disk has reported an error."""
        for port, value in ((0x1F6, 0xE0), (0x1F2, 1), (0x1F7, 0x20)):
            self._ask(f"outb {port:#x} {value:#x}")
        while (status := int(self._ask("inb 0x1f7"), 16)) & 0x80:
            pass
        assert status & 1

    def close(self) -> None:
        self._ports.close()
        self.vm.close()


@pytest.mark.real
def test_errors_of_a_disk_are_events(
    program: Callable[[str], str], column: int, tmp_path: Path
) -> None:
    disk = Disk(program(QEMU), tmp_path / "ports")
    try:
        started = time.monotonic()
        with disk.vm.events("BLOCK_IO_ERROR") as events:
            for _ in range(50):
                disk.read()
            disk.vm.execute("query-name")
            took = time.monotonic() - started
            found = 0
            with suppress(TimeoutError):
                while events.next(0):
                    found += 1
    finally:
        disk.close()
    if column == 0:
        assert found == 50
    else:
        assert 1 <= found <= 2 + took
