"""The human monitor's commands: their output, compared with a real QEMU's, and their completions.

The file human_lines.txt contains command lines, in an order that matters. Below each is its output
in QEMU 7.2, indented by four blanks. The other file contains the lines, in the same order, whose
output differs in QEMU 10.0.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from qmpeer.chardev import parse_chardev
from qmpeer.machine.command_line import parse_options
from qmpeer.machine.human import register_human_commands
from qmpeer.machine.human.absent_hardware import ANSWERS
from qmpeer.machine.human.command_table import ROWS
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options
from qmpeer.monitor.human import Completions
from tests.machine.serving import Served, Serving, Threaded
from tests.qemu import QEMU

LINES = Path(__file__).with_name("human_lines.txt")
LINES_IN_QEMU_10 = Path(__file__).with_name("human_lines_in_qemu_10.txt")


def conversation(file: Path = LINES) -> Iterator[tuple[str, str]]:
    """Yield the file's lines with their output as QMP returns it."""
    line, printed = "", ""
    for text in file.read_text(encoding="utf-8").split("\n"):
        if text.startswith("    "):
            printed += text[4:] + "\r\n"
            continue
        if line:
            yield line, printed
        line, printed = text, ""


@pytest.fixture(params=["ours", pytest.param("qemu", marks=pytest.mark.real)])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "q"
    served: Served
    monkeypatch.setattr(
        "qmpeer.machine.machine.KVM_DEVICE", "/dev/null"
    )  # this QEMU was built with KVM
    if request.param == "ours":
        served = Threaded(path)
    else:
        program: Callable[[str], str] = request.getfixturevalue("program")
        served = Serving(path, program=[program(QEMU)])
    with served, served.client() as client:
        yield client


@pytest.fixture
def differing(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """Return the lines whose output differs from QEMU 7.2, with that output, in order."""
    if request.node.callspec.params["client"] == "ours":
        return []
    match request.getfixturevalue("qemu_version"):
        case (7, 2):
            return []
        case (10, 0):
            return list(conversation(LINES_IN_QEMU_10))
        case version:
            pytest.skip(
                "the lines are those of QEMU 7.2 and 10.0, and this is {}.{}".format(*version)
            )


def test_what_lines_print(client: Client, differing: list[tuple[str, str]]) -> None:
    others = []
    for line, printed in conversation():
        found = client.execute("human-monitor-command", {"command-line": line})
        if found != printed:
            others.append((line, found))
    assert others == differing


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine(Options())
    register_human_commands(machine)
    yield machine
    machine.close()


def run(machine: Machine, line: str) -> str:
    text = machine.monitor.run_human(line)
    assert isinstance(text, str)
    return text


def test_each_command_has_help_of_its_own(machine: Machine) -> None:
    for row in ROWS:
        if row.names != "log":
            text = f"{row.names} {row.params} -- {row.help}\r\n"
            assert run(machine, f"help {row.name}") == text
    assert run(machine, "help log").startswith("Items of the log, with commas between:\r\n")
    assert run(machine, "help log") == run(machine, "log help")


def test_no_text_stands_for_a_command_that_is_not_there() -> None:
    assert ANSWERS.keys() <= {row.name for row in ROWS}


@pytest.mark.parametrize(
    ("words", "line", "text"),
    [
        ("-name vm0", "info name", "vm0\r\n"),
        ("-S", "info status", "VM status: paused (prelaunch)\r\n"),
        ("-singlestep", "info status", "VM status: paused (single step mode) (prelaunch)\r\n"),
        (
            "-uuid 550e8400-e29b-41d4-a716-446655440000",
            "info uuid",
            "550e8400-e29b-41d4-a716-446655440000\r\n",
        ),
    ],
)
def test_what_options_say(words: str, line: str, text: str) -> None:
    machine = Machine(parse_options(words.split()))
    register_human_commands(machine)
    assert run(machine, line) == text
    machine.close()


def test_block_nodes(machine: Machine) -> None:
    machine.blockdev_add(driver="null-co", **{"node-name": "n0"})
    machine.blockdev_add(driver="blkdebug", image="n0", **{"node-name": "b0"})
    assert run(machine, "info block") == ""
    assert run(machine, "info block -n") == (
        "b0: blkdebug::null-co:// (blkdebug)\r\n    Cache mode:       writeback\r\n\r\n"
        "n0: null-co:// (null-co)\r\n    Cache mode:       writeback\r\n"
    )
    assert run(machine, "info block -v b0") == (
        "\r\nb0: blkdebug::null-co:// (blkdebug)\r\n    Cache mode:       writeback\r\n"
        "\r\nImages:\r\nimage: blkdebug::null-co://\r\nfile format: blkdebug\r\n"
        "virtual size: 1 GiB (1073741824 bytes)\r\ndisk size: unavailable\r\n"
        "image: null-co://\r\nfile format: null-co\r\n"
        "virtual size: 1 GiB (1073741824 bytes)\r\ndisk size: 0 B\r\n"
    )
    writable = "Error: Device 'b0' is writable but does not support snapshots\r\n"
    for command in ("savevm", "loadvm", "delvm"):
        assert run(machine, f"{command} x") == writable
    assert run(machine, "drive_del n0") == "Block device n0 is in use\r\n"
    assert run(machine, "drive_del b0") == ""
    assert run(machine, "drive_del b0") == "Device 'b0' not found\r\n"


def test_memory_is_written_to_a_file(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "memory"
    assert run(machine, f'pmemsave 0 10 "{path}"') == ""
    assert path.read_bytes() == bytes(10)
    assert run(machine, f'pmemsave 0 10 "{tmp_path}/no/x"') == (
        f"Error: Could not open '{tmp_path}/no/x': No such file or directory\r\n"
    )


def test_logs(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert run(machine, "log tid") == "Filename template with '%d' required for 'tid'\r\n"
    assert run(machine, f"logfile {path}") == ""
    assert path.read_bytes() == b""
    assert run(machine, "log cpu,in_asm") == ""
    assert run(machine, f"logfile {path}-%d-%d") == f"Bad logfile template: {path}-%d-%d\r\n"
    assert run(machine, f"logfile {path}-%d") == ""
    assert Path(f"{path}-{os.getpid()}").exists()
    assert run(machine, f"logfile {tmp_path}/no/x") == (
        f"Error opening logfile {tmp_path}/no/x: No such file or directory\r\n"
    )


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("chardev-add s", ["serial", "socket", "stdio"]),
        ("sendkey ctrl-alt-f1", ["f1", "f10", "f11", "f12"]),
        ("sendkey num", ["num_lock"]),
        ("sendkey a 1", []),
        ("chardev-send-break ", ["c"]),
        ("chardev-remove c", ["c"]),
        ("set_link ", []),
        ("set_link x ", ["off", "on"]),
        ("trace-event x o", ["off", "on"]),
        (
            "watchdog_action ",
            ["debug", "inject-nmi", "none", "pause", "poweroff", "reset", "shutdown"],
        ),
        ("watchdog_action p", ["pause", "poweroff"]),
        ("watchdog_action pause ", []),
        ("object_add tls", ["tls-creds-anon", "tls-creds-psk", "tls-creds-x509"]),
        ("object_del ", ["s"]),
        ("migrate_set_capability z", ["zero-blocks", "zero-copy-send"]),
        ("migrate_set_capability xbzrle o", ["off", "on"]),
        ("migrate_set_parameter tls-", ["tls-authz", "tls-creds", "tls-hostname"]),
        ("help quit", ["quit"]),
        ("info stat", ["stats", "status"]),
    ],
)
def test_completions(machine: Machine, text: str, offered: list[str]) -> None:
    machine.object_add(**{"qom-type": "secret", "id": "s", "data": "x"})
    asyncio.run(machine.chardevs.add_described(parse_chardev("null,id=c")))
    found = machine.monitor.human.complete(text)
    assert isinstance(found, Completions)
    assert found.names == offered


def test_a_key_behind_others_is_completed_from_the_dash_on(machine: Machine) -> None:
    typed, names = machine.monitor.human.complete("sendkey ctrl-")
    assert typed == 0
    assert "a" in names
    assert machine.monitor.human.complete("sendkey ctrl-sp") == Completions(2, ["spc"])


SPECIAL = bytes((0x61, 9, 0x5C, 10, 0x7A, 1, 0x7F, 13))


def test_what_a_ring_holds_is_printed_readably(client: Client) -> None:
    client.execute("chardev-add", {"id": "r", "backend": {"type": "ringbuf", "data": {}}})
    client.execute("ringbuf-write", {"device": "r", "data": SPECIAL.decode()})
    found = client.execute("human-monitor-command", {"command-line": "ringbuf_read r 64"})
    assert found == "a\t\\\\\r\nz\\u0001\\u007F\\u000D\r\n"


def test_a_name_that_two_have_is_ambiguous(client: Client) -> None:
    client.execute("object-add", {"qom-type": "secret", "id": "n", "data": "x"})
    client.execute("chardev-add", {"id": "n", "backend": {"type": "null", "data": {}}})
    for line, printed in (
        ("qom-list n", "Error: Path 'n' is ambiguous"),
        ('qom-list ""', "Error: Path '' is ambiguous"),
        ("qom-list /n", "Error: Device '/n' not found"),
        ("qom-list nope", "Error: Device 'nope' not found"),
        ("qom-list chardevs/n", "type (string)"),
        ("qom-get n type", "Error: Device 'n' not found"),
        ('qom-get "" type', "Error: Device '' not found"),
        ("info qom-tree n", "Path 'n' could not be resolved."),
        ('info qom-tree ""', "Path '' could not be resolved."),
    ):
        found = client.execute("human-monitor-command", {"command-line": line})
        assert str(found).splitlines()[0] == printed, line


@pytest.mark.parametrize("flags", ["", " -f", " -o", " -f -o"])
def test_who_owns_memory(client: Client, flags: str) -> None:
    found = client.execute("human-monitor-command", {"command-line": f"info mtree{flags}"})
    regions = [line for line in str(found).splitlines() if line.endswith(("io", "unattached}"))]
    owner = " parent:{obj path=/machine/unattached}" if "-o" in flags else ""
    assert f"  0000000000000000-000000000000ffff (prio 0, i/o): io{owner}" in regions
