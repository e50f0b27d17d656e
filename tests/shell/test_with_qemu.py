"""Ordinary work at the prompt of a real QEMU with two disks."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from qmpeer.cli.shell_command import COMMAND
from qmpeer.client import kind_of
from qmpeer.shell.completion import complete
from qmpeer.shell.vocabulary import Vocabulary
from tests.patience import PATIENCE
from tests.qemu import BASE
from tests.shell.person import Person
from tests.shell.real_servers import ENVIRONMENT, SHELL, listening

pytestmark = pytest.mark.real
PC = ("-machine", "pc", "-m", "32", *BASE[2:])
"""A machine that can be migrated, and has buses."""


@pytest.fixture
def disks(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"disk{number}.img" for number in range(2)]
    for path in paths:
        path.write_bytes(bytes(1 << 20))
    return paths


@pytest.fixture
def qemu(tmp_path: Path, disks: list[Path], program: Callable[[str], str]) -> Iterator[Path]:
    options = [
        word
        for number, path in enumerate(disks)
        for word in ("-blockdev", f"driver=file,node-name=file{number},filename={path}")
    ]
    command = (program("qemu-system-x86_64"), *BASE, *options)
    with listening(command, tmp_path / "qmp") as path:
        yield path


def asked(path: Path, command: str, arguments: dict[str, Any] | None = None) -> Any:
    """Execute a command on QEMU once its monitor is free."""
    with Client.connect(path) as vm:
        return vm.execute(command, arguments)


async def test_a_qcow2_over_a_file_without_knowing_the_schema(qemu: Path, tmp_path: Path) -> None:
    """Type at most three characters, then TAB: required members come first each time."""
    image = tmp_path / "new.qcow2"
    async with Person(qemu) as person:
        image.write_bytes(bytes(1 << 20))
        await person.executes(f"blockdev-add driver=file node-name=raw filename={image}", r"\{\}\n")
        await person.executes(
            'blockdev-create job-id=make options={"driver": "qcow2", "file": "raw", "size": 65536}',
            r"\{\}\n",
        )
        await person.executes("job make", "concluded")
        await person.executes("job-dismiss id=make", r"\{\}\n")
        await person.executes("blockdev-del node-name=raw", r"\{\}\n")
        for typed, line in [
            ("blo\t", "block"),
            ("dev\t", "blockdev-"),
            ("ad\t", "blockdev-add "),
            ("dri\t", "blockdev-add driver="),
            ("qco\t", "blockdev-add driver=qcow"),
            ("2\t", "blockdev-add driver=qcow2 "),
            ("fi\t", "blockdev-add driver=qcow2 file"),
            (".dr\t", "blockdev-add driver=qcow2 file.driver="),
            ("fil\t", "blockdev-add driver=qcow2 file.driver=file "),
            ("\t", "blockdev-add driver=qcow2 file.driver=file file.filename="),
            (f"{tmp_path}/new\t",
             f"blockdev-add driver=qcow2 file.driver=file file.filename={image} "),
            ("nod\t",
             f"blockdev-add driver=qcow2 file.driver=file file.filename={image} node-name="),
        ]:  # fmt: skip
            person.types(typed)
            await person.until(line)
        person.types("disk\r")
        await person.reads(r"\{\}\n")
    nodes = asked(qemu, "query-named-block-nodes")
    assert next(n for n in nodes if n["node-name"] == "disk")["drv"] == "qcow2"


async def test_names_of_what_is_there(qemu: Path) -> None:
    async with Person(qemu) as person:
        for typed, line in [
            ("blockdev-del node-name=f\t", "blockdev-del node-name=file"),
            ("1\t", "blockdev-del node-name=file1 "),
            ("\x15qom-list path=/mach\t", "qom-list path=/machine "),
            ("\x15qom-get path=/machine property=typ\t", "qom-get path=/machine property=type "),
            ("\x15device_add driver=virtio-rng-p\t", "device_add driver=virtio-rng-pci"),
            ("\x15device_add driver=virtio-rng-pci multif\t",
             "device_add driver=virtio-rng-pci multifunction="),
            ("tr\t", "device_add driver=virtio-rng-pci multifunction=true "),
            ("\x15device-list-properties typename=isa-debugc\t",
             "device-list-properties typename=isa-debugcon "),
            ("\x15hmp info bloc\t", "hmp info block"),
        ]:  # fmt: skip
            person.types(typed)
            await person.until(line)


async def test_values_are_read_as_the_schema_says(qemu: Path) -> None:
    async with Person(qemu) as person:
        await person.executes("block-dirty-bitmap-add node=file0 name=123", r"\{\}\n")
        await person.executes("block-dirty-bitmap-add node=file0 name='a b'", r"\{\}\n")
        await person.executes(
            "blockdev-add driver=raw node-name=over file.driver=null-co file.size=0x400", r"\{\}\n"
        )
        await person.executes("set output json", "")
        await person.executes(
            "query-named-block-nodes flat=yes", '"name": "(123|a b)".*"name": "(123|a b)"'
        )
        await person.executes("qom-get path=/machine property=type", '"none-machine"')


async def test_a_transaction_all_or_none(qemu: Path) -> None:
    async with Person(qemu) as person:
        person.types(
            "transaction(\r"
            "block-dirty-bitmap-add node=file0 name=b0\r"
            "block-dirty-bitmap-add node=file1 name=b1 granularity=64k\r"
        )
        person.types(")\r")
        await person.reads(r"\{\}\n")
        person.types("transaction(\rabort\rcancel\r")
        await person.reads("transaction cancelled")
        await person.executes("transaction( block-dirty-bitmap-ad node=x )", "did you mean")
        await person.executes(
            "transaction( block-dirty-bitmap-add node=nope name=b )", "Cannot find device=|node"
        )
        person.types("transaction(\rabort")
        await person.until("transaction(\nabort")
        person.types("\x03")
        await person.until("")
    nodes = {n["node-name"]: n for n in asked(qemu, "query-named-block-nodes")}
    assert [bitmap["name"] for bitmap in nodes["file1"]["dirty-bitmaps"]] == ["b1"]


async def test_tables_help_and_the_human_monitor(qemu: Path, qemu_version: tuple[int, int]) -> None:
    async with Person(qemu, columns=100, rows=400) as person:
        await person.executes("query-named-block-nodes", r"node-name +drv +ro")
        await person.executes("help blockdev-add", r"driver: .*with driver=qcow2")
        await person.executes("help query-cpus-fast", "returns")
        await person.executes("hmp info block", "file0|\n")
        await person.executes("oob query-yank", r"\[\{|instance|type")
    async with Person(qemu, is_human=True) as person:
        await person.executes("info status", "VM status: ")
        await person.executes("cpu", r"\(hmp\)")
        await person.executes("info version", rf"{qemu_version[0]}\.")


async def test_a_job_with_a_bar(qemu: Path) -> None:
    async with Person(qemu) as person:
        await person.executes(
            "blockdev-backup job-id=copy device=file0 target=file1 sync=full auto-dismiss=off",
            r"\{\}\n",
        )
        await person.executes("job copy", r"copy \w+ \[#* *\] +\d+%.*job-dismiss id=copy")
        await person.executes("job nope", "there is no job 'nope'")


async def test_quit_is_qemus_own(qemu: Path) -> None:
    async with Person(qemu) as person:
        await person.executes("quit", "the server closed the connection; 'reconnect'")


def test_the_names_of_drives_are_those_that_it_takes(
    tmp_path: Path, disks: list[Path], program: Callable[[str], str]
) -> None:
    options = (
        "-blockdev", f"driver=file,node-name=node,filename={disks[0]}",
        "-device", "virtio-blk,drive=node,id=disk",
        "-drive", f"if=none,id=drive,format=raw,file={disks[1]}",
    )  # fmt: skip
    with (
        listening((program("qemu-system-x86_64"), *PC, *options), tmp_path / "vm.qmp") as path,
        Client.connect(path) as vm,
    ):
        taken = {}
        for argument in ("device", "node-name"):
            kind = kind_of("block_resize", argument)
            assert kind is not None
            taken[argument] = vm.names(kind)
            for name in taken[argument]:
                vm.execute("block_resize", {argument: name, "size": 1 << 20})
        kind = kind_of("block_set_io_throttle", "id")
        assert kind is not None
        taken["id"] = vm.names(kind)
        limits = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        for name in taken["id"]:
            vm.execute("block_set_io_throttle", {"id": name, **limits})

    assert taken["device"] == ["drive"]
    assert "node" in taken["node-name"]
    assert taken["id"] == ["/machine/peripheral/disk/virtio-backend"]


def test_the_example_of_help(
    tmp_path: Path, program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Save a machine into a file."""
    monkeypatch.chdir(tmp_path)
    (example,) = (line for line in COMMAND.after.splitlines() if "migrate" in line)
    assert example.split()[:2] == ["qmp-shell", "vm.qmp"]
    with listening((program("qemu-system-x86_64"), *PC), Path("vm.qmp")):
        done = subprocess.run(
            example.replace("qmp-shell", shlex.join(SHELL)),
            shell=True,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert '"event": "STOP"' in done.stdout
    assert (tmp_path / "vm.state").stat().st_size > 0


@pytest.mark.alone
def test_a_keystroke_takes_ten_milliseconds_at_most(qemu: Path) -> None:
    """Measure processor time, the best of five runs."""
    import time

    from qmpeer.schema import schema_from_introspection

    vocabulary = Vocabulary(schema_from_introspection(asked(qemu, "query-qmp-schema")))
    text = "blockdev-add driver=qcow2 file.driver=file file.filename=/x cache.direct=on backing."
    for end in range(len(text) + 1):
        spent = []
        for _ in range(5):
            begin = time.process_time()
            complete(text[:end], end, vocabulary)
            spent.append(time.process_time() - begin)
        assert min(spent) < 0.010, text[:end]


Q35 = (
    "-machine", "q35", "-S", *BASE[2:],
    "-device", "pcie-root-port,id=r0,chassis=1", "-device", "pcie-root-port,id=r1,chassis=2",
    "-netdev", "hubport,id=h,hubid=0", "-device", "virtio-scsi,id=sc",
    "-blockdev", "driver=null-co,node-name=n0,size=1048576",
)  # fmt: skip
"""A machine into which devices can be plugged."""
DEVICE_LINES: dict[str, dict[str, Any]] = {
    "driver=virtio-net-pci id=nic bus=r0 netdev=h mq=on vectors=0xa mac=52:54:00:12:34:56 addr=0":
        {"mq": True, "vectors": 10, "mac": "52:54:00:12:34:56"},
    "driver=scsi-hd id=disk bus=sc.0 drive=n0 serial=123 lun=0x1 share-rw=on write-cache=on":
        {"serial": "123", "lun": 1, "share-rw": True},
    "driver=virtio-rng id=rng bus=r1 vectors=3 multifunction=off": {"vectors": 3},  # an alias
}  # fmt: skip
"""Properties as typed, and as the device shows them."""


@pytest.mark.parametrize("program_name", ["shell", "exec"])
def test_devices_with_properties(
    tmp_path: Path, program: Callable[[str], str], program_name: str
) -> None:
    with listening((program("qemu-system-x86_64"), *Q35), tmp_path / "qmp") as path:
        for line, properties in DEVICE_LINES.items():
            words = ["exec", str(path), "device_add", *line.split()]
            if program_name == "shell":
                words = ["shell", str(path), "-c", f"device_add {line}"]
            done = subprocess.run(
                [*SHELL[:-1], *words], env=ENVIRONMENT, capture_output=True, timeout=PATIENCE
            )
            assert (done.stdout, done.stderr) == (b"{}\n", b"")
            device = line.split()[1].removeprefix("id=")
            for name, value in properties.items():
                where = {"path": f"/machine/peripheral/{device}", "property": name}
                assert asked(path, "qom-get", where) == value


def test_a_slot_is_text(tmp_path: Path, program: Callable[[str], str]) -> None:
    """QEMU takes the text 5 for slot 5, as on its command line, but the number 5 for function 5."""
    with listening((program("qemu-system-x86_64"), *PC), tmp_path / "qmp") as path:
        line = "device_add driver=virtio-rng-pci id=rng addr=5"
        subprocess.run([*SHELL, str(path), "-c", line], env=ENVIRONMENT, timeout=PATIENCE)
        where = {"path": "/machine/peripheral/rng", "property": "addr"}
        assert asked(path, "qom-get", where) == 5 * 8


@pytest.mark.parametrize(
    ("line", "marked_lines", "said"),
    [
        ("device_add driver=scsi-hd id=x bus=sc.0 drive=n0 lun=many", "many",
         "Invalid parameter type for 'lun', expected: integer; lun= takes a whole number"),
        ("device_add driver=virtio-rng id=x bus=r1 vectrs=3", "vectrs", "did you mean vectors?"),
        ("device_add driver=virtio-blk-pci id=x bus=r1 drive=n0 write-cache=maybe", "maybe",
         "Parameter 'write-cache' does not accept value 'maybe'; expected on, off, auto"),
        ("qom-set path=/machine property=graphcs value=on", "graphcs", "did you mean graphics?"),
        ("qom-set path=/machine property=graphics value=5", "5", "expected: boolean"),
        ("device_add driver=virtio-vga-gl id=x max_outputs=1", None, "GenericError: "),
    ],
)  # fmt: skip
def test_mistakes_in_properties_are_marked(
    tmp_path: Path, program: Callable[[str], str], line: str, marked_lines: str | None, said: str
) -> None:
    with listening((program("qemu-system-x86_64"), *Q35), tmp_path / "qmp") as path:
        done = subprocess.run(
            [*SHELL, str(path), "-c", line],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert asked(path, "query-status")["status"] == "prelaunch"
    assert done.returncode == 1
    assert said in done.stderr
    if marked_lines is not None:
        assert done.stderr.splitlines()[2] == " " * (4 + line.rindex(marked_lines)) + "^" * len(
            marked_lines
        )
