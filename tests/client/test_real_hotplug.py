"""Plugging and unplugging in a real QEMU, without an operating system that could consent."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpeer import CommandError
from qmpeer.client import DeviceBackend
from qmpeer.values import JsonObject
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
MIB = 1 << 20

OPTIONS = (
    "-m", "128,slots=2,maxmem=512M", "-smp", "1,maxcpus=3",
    "-device", "virtio-scsi-pci,id=scsi0", "-device", "virtio-serial-pci,id=serial0",
    "-device", "qemu-xhci,id=usb",
)  # fmt: skip
LISTS: list[tuple[str, JsonObject | None]] = [
    ("query-named-block-nodes", None),
    ("query-chardev", None),
    ("qom-list", {"path": "/objects"}),
    ("qom-list", {"path": "/machine/peripheral"}),
    ("human-monitor-command", {"command-line": "info network"}),
]


@pytest.fixture
def vm(face: Face, program: Callable[[str], str]) -> Iterator[Vm]:
    argv = [program(QEMU), "-machine", "pc", *BASE[2:], *OPTIONS]
    with face.launch(argv, command_timeout=PATIENCE) as made:
        yield made


def parts(vm: Vm) -> list[Any]:
    """Return all devices and backends of the machine."""
    found: list[Any] = []
    for command, arguments in LISTS:
        answer = vm.execute(command, arguments)
        if isinstance(answer, list):
            answer = sorted(answer, key=str)
        found.append(answer)
    return found


GOOD: list[JsonObject] = [
    {"driver": "null-co"},
    {"driver": "raw", "file": {"driver": "null-co", "node-name": "below"}},
    {"qom-type": "rng-builtin"},
    {"qom-type": "memory-backend-ram", "size": MIB},
    {"qom-type": "iothread"},
    {"backend": {"type": "null", "data": {}}},
    {"backend": {"type": "ringbuf", "data": {"size": 4096}}},
    {"type": "user"},
]
BAD: list[JsonObject] = [
    {"driver": "file", "filename": "/no/such/file"},
    {"driver": "null-co", "no-such-option": 1},
    {"qom-type": "no-such-type"},
    {"qom-type": "memory-backend-ram", "size": 0},
    {"backend": {"type": "no-such-type", "data": {}}},
    {"type": "hubport"},
]
DEVICES: list[JsonObject] = [
    {"driver": "no-such-device"},
    {"driver": "virtio-blk-pci", "no-such-property": 1},
    {"driver": "scsi-hd", "bus": "scsi0.0", "id": "usb"},
    {"driver": "virtio-net-pci", "bus": "scsi0.0"},
]


def test_whatever_step_fails_leaves_nothing_behind(vm: Vm) -> None:
    before = parts(vm)
    refusals = 0

    @settings(max_examples=60)
    @given(
        st.lists(st.sampled_from(GOOD), max_size=4, unique_by=repr),
        st.lists(st.sampled_from(BAD), max_size=1),
        st.sampled_from(DEVICES),
    )
    def check(good: list[JsonObject], bad: list[JsonObject], device: JsonObject) -> None:
        nonlocal refusals
        with pytest.raises(CommandError) as caught:
            vm.call("plug", device, [*good, *bad])
        refusals += 1
        notes = getattr(caught.value, "__notes__", [])
        assert [note[:11] for note in notes] == (["taken back:"] if good else [])
        assert parts(vm) == before

    check()
    assert refusals >= 10


def test_the_third_step_fails(vm: Vm) -> None:
    before = parts(vm)
    backends = [{"driver": "null-co", "node-name": "n0"}, {"qom-type": "rng-builtin", "id": "r0"}]
    with pytest.raises(CommandError, match="GenericError") as caught:
        vm.call("plug", {"driver": "virtio-blk-pci", "no": 1, "rng": None}, backends)
    assert caught.value.command == "device_add"
    assert caught.value.__notes__ == ["taken back: object r0 and block node n0"]
    assert parts(vm) == before


@pytest.mark.parametrize(
    ("device", "backend"),
    [
        ({"driver": "scsi-hd", "bus": "scsi0.0"}, {"driver": "null-co", "node-name": "n0"}),
        ({"driver": "usb-storage"}, {"driver": "null-co", "node-name": "n0"}),
        (
            {"driver": "virtserialport", "bus": "serial0.0"},
            {"backend": {"type": "null", "data": {}}, "id": "c0"},
        ),
        ({"driver": "usb-net"}, {"type": "user", "id": "net0"}),
    ],
    ids=lambda each: each.get("driver"),
)
def test_devices_that_go_at_once(vm: Vm, device: JsonObject, backend: JsonObject) -> None:
    """Those that plug has added, and those of somebody else."""
    before = parts(vm)
    own = DeviceBackend("", "")
    for _ in range(3):
        plugged = vm.call("plug", device, backend)
        (own,) = plugged.backends
        assert parts(vm) != before
        assert vm.start_on(plugged, "unplug").result(PATIENCE) == (own,)
        assert parts(vm) == before
    add = {"block-node": "blockdev-add", "chardev": "chardev-add", "netdev": "netdev_add"}[own.kind]
    link = {"block-node": "drive", "chardev": "chardev", "netdev": "netdev"}[own.kind]
    vm.execute(add, backend)
    vm.execute("device_add", {**device, "id": "d0", link: own.name})
    assert vm.call("unplug", "/machine/peripheral/d0") == (own,)
    assert parts(vm) == before


def test_a_node_below_that_was_added_separately_stays(vm: Vm) -> None:
    before = parts(vm)
    file: JsonObject = {"driver": "null-co", "node-name": "file0", "size": MIB}
    vm.execute("blockdev-add", file)
    raw: JsonObject = {"driver": "raw", "file": "file0", "node-name": "raw0"}
    plugged = vm.call("plug", {"driver": "usb-storage"}, raw)
    assert vm.call("unplug", plugged.id) == (DeviceBackend("block-node", "raw0"),)
    assert vm.call("names", "block-node") == ["file0"]
    vm.execute("blockdev-del", {"node-name": "file0"})
    plugged = vm.call("plug", {"driver": "usb-storage"}, [file, raw])
    removed = vm.call("unplug", plugged.id)
    assert [each.name for each in removed] == ["raw0", "file0"]
    assert parts(vm) == before


def test_a_backend_in_use(vm: Vm) -> None:
    node = {"driver": "null-co", "node-name": "n0", "read-only": True}
    plugged = vm.call("plug", {"driver": "usb-storage", "id": "d0"}, node)
    vm.execute(
        "blockdev-add", {"driver": "raw", "node-name": "raw0", "file": "n0", "read-only": True}
    )
    text = r"device d0 is gone, but not block node n0 \(.* n0 is in use\)"
    with pytest.raises(CommandError, match=text):
        vm.start_on(plugged, "unplug").result(PATIENCE)
    assert not plugged.is_plugged


def test_a_guest_that_never_answers(vm: Vm) -> None:
    plugged = vm.call("plug", {"driver": "virtio-blk-pci", "id": "d0"}, {"driver": "null-co"})
    with pytest.raises(TimeoutError, match=r"device d0 is still there: the guest was asked \d"):
        vm.start_on(plugged, "unplug", repeat=0.1, timeout=0.5).result(PATIENCE)
    assert plugged.is_plugged
    assert vm.call("names", "block-node") == [plugged.backends[0].name]


def test_a_controller_with_disks(vm: Vm) -> None:
    before = parts(vm)
    disks = [
        vm.call("plug", {"driver": "scsi-hd", "bus": "scsi0.0", "lun": lun}, {"driver": "null-co"})
        for lun in range(2)
    ]
    unplugging = vm.start("unplug", "scsi0", repeat=0.1, timeout=PATIENCE)
    while not unplugging.done():
        vm.execute("system_reset")  # completes the removal, once it was asked for
    assert {*unplugging.result()} == {each for disk in disks for each in disk.backends}
    assert not any(disk.is_plugged for disk in disks)
    vm.execute("device_add", {"driver": "virtio-scsi-pci", "id": "scsi0"})
    assert parts(vm) == before


def test_processors(vm: Vm) -> None:
    plugged = vm.call("plug_cpus", 2)
    slots = vm.execute("query-hotpluggable-cpus")
    paths = {slot["props"]["core-id"]: slot["qom-path"] for slot in slots}
    ids = [each.id for each in plugged]
    assert [paths[core] for core in (1, 2)] == [f"/machine/peripheral/{id}" for id in ids]
    with pytest.raises(ValueError, match="found 0 free slots for processors, of 3, expected 1"):
        vm.call("plug_cpus")


def test_memory(vm: Vm) -> None:
    for number in (1, 2):
        plugged = vm.call("plug_memory", 128 * MIB)
        modules = vm.execute("query-memory-devices")
        assert len(modules) == number
        assert modules[-1]["data"]["id"] == plugged.id
        assert modules[-1]["data"]["size"] == 128 * MIB
        assert modules[-1]["data"]["memdev"] == f"/objects/{plugged.backends[0].name}"
    before = parts(vm)
    with pytest.raises(CommandError, match="no free slots available") as caught:
        vm.call("plug_memory", 128 * MIB)
    assert "-m 1G,slots=4,maxmem=8G" in caught.value.__notes__[0]
    assert parts(vm) == before
