"""Calls that may be repeated, with a real QEMU: what it shows of things, and lost replies.

Modules: existence.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.errors import ConflictError
from tests.client.cutting_relay import CuttingRelay
from tests.client.faces import Face
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
MIB = 1 << 20
LONG: dict[str, Any] = {"timeout": PATIENCE, "command_timeout": PATIENCE}
NULL: dict[str, Any] = {"driver": "null-co", "size": MIB}
MACHINE = (
    "-machine", "pc", *BASE[2:], "-S", "-m", "128M,slots=2,maxmem=1G",
    "-smp", "1,sockets=2,maxcpus=2", "-object", "iothread,id=io0", "-object", "iothread,id=io1",
    "-device", "virtio-serial-pci,id=ser", "-device", "virtio-scsi-pci,id=scsi",
    "-device", "qemu-xhci,id=xhci", "-device", "usb-kbd,bus=xhci.0",
)  # fmt: skip
"""A machine that devices can be plugged into without a guest's consent."""


def in_folder(folder: Path, program: Callable[[str], str]) -> list[str]:
    return ["env", "-C", str(folder), program(QEMU), *MACHINE]


@pytest.fixture(scope="module")
def vm(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Start a machine with two files, "a" and "b", in its folder."""
    folder = tmp_path_factory.mktemp("machine")
    for name in "ab":
        with (folder / name).open("wb") as file:
            file.truncate(MIB)
    with Client.launch(in_folder(folder, program), **LONG) as made:
        yield made


def merged(arguments: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with some of their members changed, at any depth."""
    result = dict(arguments)
    for name, value in change.items():
        old = result.get(name)
        is_nested = isinstance(old, dict) and isinstance(value, dict)
        result[name] = merged(old, value) if is_nested else value  # type: ignore[arg-type] # a dict
    return result


def check(
    vm: Client,
    kind: str,
    arguments: dict[str, Any],
    *changes: dict[str, Any],
    same: dict[str, Any] | None = None,
) -> None:
    """Create a thing, and again; each change is a conflict; `same` is the same for QEMU."""
    assert vm.ensure_present(kind, "x", arguments) is True
    assert vm.ensure_present(kind, "x", merged(arguments, same or {})) is False
    for change in changes:
        with pytest.raises(ConflictError):
            vm.ensure_present(kind, "x", merged(arguments, change))
    if kind != "device":
        assert vm.ensure_absent(kind, "x") is True
        assert vm.ensure_absent(kind, "x") is False


FILE_A: dict[str, Any] = {"driver": "file", "filename": "a"}
FILE_B = {**FILE_A, "filename": "b"}


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ({**NULL, "read-only": True}, [{"size": 2 * MIB}, {"read-only": False}]),
        ({**NULL, "size": 1000}, [{"driver": "null-aio"}]),
        ({**FILE_A, "auto-read-only": True}, [{"filename": "b"}]),
        (
            {
                "driver": "raw", "file": FILE_A, "detect-zeroes": "on",
                "cache": {"direct": False, "no-flush": True},
            },
            [{"file": FILE_B}, {"detect-zeroes": "off"}, {"cache": {"no-flush": False}}],
        ),
        ({"driver": "throttle", "throttle-group": "group", "file": FILE_A}, [{"driver": "raw"}]),
        ({"driver": "blkdebug", "image": FILE_A}, []),
        ({"driver": "raw", "file": "null"}, [{"read-only": True}]),
    ],
    ids=lambda value: value["driver"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_block_nodes(vm: Client, arguments: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    vm.ensure_present("object", "group", {"qom-type": "throttle-group"})
    vm.ensure_present("block-node", "null", NULL)
    check(vm, "block-node", arguments, *changes)


RULES = [{"match": "a*", "policy": "allow"}, {"match": "b", "policy": "deny", "format": "exact"}]


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ({"qom-type": "iothread", "poll-max-ns": 5}, [{"poll-max-ns": 6}]),
        ({"qom-type": "secret", "data": "hunter2"}, [{"data": "x"}, {"format": "base64"}]),
        (
            {"qom-type": "memory-backend-ram", "size": MIB, "share": True},
            [{"size": 2 * MIB}, {"share": False}],
        ),
        (
            {"qom-type": "memory-backend-ram", "size": MIB, "policy": "bind", "host-nodes": [0]},
            [{"policy": "default"}],
        ),
        (
            {"qom-type": "throttle-group", "limits": {"iops-total": 100}},
            [{"limits": {"iops-total": 5}}],
        ),
        ({"qom-type": "rng-random", "filename": "/dev/urandom"}, [{"filename": "/dev/zero"}]),
        (
            {"qom-type": "authz-list", "policy": "deny", "rules": RULES},
            [{"policy": "allow"}, {"rules": RULES[:1]}],
        ),
        ({"qom-type": "tls-creds-anon", "endpoint": "client"}, [{"endpoint": "server"}]),
        ({"qom-type": "cryptodev-backend-builtin", "queues": 1}, []),
    ],
    ids=lambda value: value["qom-type"] if isinstance(value, dict) else "",
)
def test_objects(vm: Client, arguments: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    if arguments["qom-type"] == "cryptodev-backend-builtin":  # QEMU keeps it once it is used
        assert vm.ensure_present("object", "cryptodev", arguments) is True
        assert vm.ensure_present("object", "cryptodev", arguments) is False
    else:
        check(vm, "object", arguments, *changes)


def test_netdevs(vm: Client, tmp_path: Path) -> None:
    check(vm, "netdev", {"type": "user", "restrict": True}, {"restrict": False})
    local = {"type": "unix", "path": str(tmp_path / "local")}
    remote = {"type": "unix", "path": str(tmp_path / "remote")}
    check(vm, "netdev", {"type": "dgram", "local": local, "remote": remote}, {"type": "user"})
    # It isn't removed: QEMU 7.2 and 10.0 crash if that comes before it listens, in a thread.
    stream: dict[str, Any] = {"type": "stream", "addr": local, "server": True}
    assert vm.ensure_present("netdev", "stream", stream) is True
    assert vm.ensure_present("netdev", "stream", stream) is False
    check(vm, "netdev", {"type": "socket", "udp": "127.0.0.1:9", "localaddr": "127.0.0.1:0"})
    vm.ensure_present("netdev", "behind", {"type": "socket", "listen": "127.0.0.1:0"})
    check(vm, "netdev", {"type": "hubport", "hubid": 3}, {"hubid": 4}, {"type": "user"})
    port: dict[str, Any] = {"type": "hubport", "hubid": 3, "netdev": "behind"}
    vm.ensure_present("netdev", "port", port)
    # What is connected to a hub is listed nowhere else.
    assert vm.ensure_present("netdev", "behind", {"type": "socket"}) is False
    assert vm.ensure_present("netdev", "port", port) is False


def test_netdev_that_was_removed_under_its_nic(vm: Client) -> None:
    """QEMU removes it without asking, and goes on listing it below the NIC."""
    for _ in range(2):
        assert vm.ensure_present("netdev", "n", {"type": "user"}) is True
        vm.ensure_present("device", "nic", {"driver": "e1000", "netdev": "n"})
        assert vm.ensure_present("netdev", "n", {"type": "user"}) is False
        assert vm.ensure_absent("netdev", "n") is True
        assert vm.ensure_absent("netdev", "n") is False


def test_chardevs(vm: Client, tmp_path: Path) -> None:
    def socket(kind: str, **address: Any) -> dict[str, Any]:
        data = {"addr": {"type": kind, "data": address}, "wait": False}
        return {"backend": {"type": "socket", "data": data}}

    host = {"host": "127.0.0.1", "port": "0"}
    paths = [socket("unix", path=str(tmp_path / name)) for name in "cd"]
    check(vm, "chardev", paths[0], paths[1], socket("inet", **host))
    check(vm, "chardev", socket("inet", **host), paths[0])
    backends: list[dict[str, Any]] = [
        {"type": "memory", "data": {"size": 65536}},
        {"type": "ringbuf", "data": {}},
        {"type": "file", "data": {"out": str(tmp_path / "out")}},
        {"type": "pty", "data": {}},
        {"type": "udp", "data": {"remote": {"type": "inet", "data": {**host, "port": "9"}}}},
        {"type": "msmouse", "data": {}},
    ]
    for backend in backends:
        check(vm, "chardev", {"backend": backend}, {"backend": {"type": "null"}})


def test_devices(vm: Client) -> None:
    numbers = iter(range(100))

    def device(arguments: dict[str, Any], *changes: dict[str, Any], **same: Any) -> None:
        id = f"d{next(numbers)}"
        if "drive" in arguments:
            vm.execute("blockdev-add", {**NULL, "node-name": id})
        if "netdev" in arguments:
            vm.execute("netdev_add", {"type": "user", "id": id})
        if "chardev" in arguments:
            vm.execute("chardev-add", {"id": id, "backend": {"type": "null", "data": {}}})
        given = {
            name: id if name in ("drive", "netdev", "chardev") else value
            for name, value in arguments.items()
        }
        assert vm.ensure_present("device", id, given) is True
        assert vm.ensure_present("device", id, given | same) is False
        for change in changes:
            with pytest.raises(ConflictError):
                vm.ensure_present("device", id, given | change)

    device(
        {
            "driver": "virtio-blk", "drive": "", "bus": "pci.0", "addr": "0x16", "serial": "S1",
            "iothread": "io0", "bootindex": 3, "num-queues": 2, "share-rw": True,
            "werror": "stop", "write-cache": "auto", "physical_block_size": 4096,
        },
        {"addr": "16.1"}, {"bus": "scsi.0"}, {"drive": "x"}, {"serial": "S2"}, {"iothread": "io1"},
        {"bootindex": 4}, {"num-queues": 3}, {"share-rw": False}, {"werror": "report"},
        {"physical_block_size": 512}, {"driver": "virtio-net"},
        addr="16.0", driver="virtio-blk-pci",
    )  # fmt: skip
    device(
        {"driver": "e1000", "netdev": "", "mac": "52-54-00-AA-00-01"},
        {"mac": "52:54:00:aa:00:02"},
        {"netdev": "x"},
        mac="52:54:00:AA:00:01",
    )
    scsi = {"driver": "scsi-hd", "drive": "", "bus": "scsi.0", "lun": 3, "wwn": 5 << 60}
    device(scsi, {"lun": 4}, {"wwn": 1}, {"bus": "scsi2.0"})
    port = {"driver": "virtserialport", "chardev": "", "bus": "ser.0", "name": "org.x", "nr": 2}
    device(port, {"name": "org.y"}, {"chardev": "x"}, {"nr": 3})
    device({"driver": "usb-storage", "drive": "", "bus": "xhci.0", "port": "4"}, {"port": "3"})
    vm.execute("object-add", {"qom-type": "memory-backend-ram", "id": "mem0", "size": 128 * MIB})
    dimm = {"driver": "pc-dimm", "memdev": "mem0", "addr": 0x140000000}
    device(dimm, {"memdev": "mem1"}, {"addr": 0x150000000}, addr="0x140000000")
    cpu = {"driver": "qemu64-x86_64-cpu", "socket-id": 1, "core-id": 0, "thread-id": 0}
    device(cpu, {"socket-id": 0})


def test_a_device_without_an_id(vm: Client) -> None:
    listed = vm.execute("qom-list", {"path": "/machine/peripheral-anon"})
    (name,) = [each["name"] for each in listed if each["type"] == "child<usb-kbd>"]
    path = f"/machine/peripheral-anon/{name}"
    assert vm.ensure_absent("device", path) is True
    assert vm.ensure_absent("device", path) is False


# Jobs


SLOW: dict[str, Any] = {"speed": 1 << 16}
COPY: dict[str, Any] = {"device": "source", "target": "target", "sync": "full"}
JOBS: list[tuple[str, dict[str, Any], str]] = [
    ("blockdev-backup", COPY, "concluded"),
    ("blockdev-backup", COPY | SLOW, "running"),
    ("blockdev-backup", COPY | {"auto-finalize": False}, "pending"),
    ("blockdev-backup", COPY | {"target": "full", "on-target-error": "stop"}, "paused"),
    ("blockdev-mirror", COPY, "ready"),
    ("blockdev-mirror", COPY | SLOW, "running"),
    ("blockdev-create", {"options": {**FILE_A, "filename": "new", "size": MIB}}, "concluded"),
    ("blockdev-create", {"options": {**FILE_A, "filename": "no/new", "size": 1}}, "concluded"),
    ("block-stream", {"device": "top", "base-node": "base"}, "concluded"),
    ("block-commit", {"device": "top", "top-node": "middle"}, "concluded"),
    ("block-commit", {"device": "top"}, "ready"),
    ("snapshot-save", {"tag": "t", "vmstate": "state", "devices": ["state"]}, "concluded"),
    ("snapshot-load", {"tag": "t", "vmstate": "state", "devices": ["state"]}, "concluded"),
    ("snapshot-delete", {"tag": "t", "devices": ["state"]}, "concluded"),
]


def test_jobs_of_every_type_and_state(program: Callable[[str], str], tmp_path: Path) -> None:
    for name, backing in (("base", ""), ("middle", "base"), ("top", "middle"), ("state", "")):
        words = [
            "create",
            "-q",
            "-f",
            "qcow2",
            *(["-b", backing, "-F", "qcow2"] if backing else []),
        ]
        subprocess.run([program("qemu-img"), *words, name, "8M"], check=True, cwd=tmp_path)
    for name in ("base", "middle", "top"):
        words = ["-f", "qcow2", "-c", "write -q 0 1M", name]
        subprocess.run([program("qemu-io"), *words], check=True, cwd=tmp_path)

    def image(name: str, **more: Any) -> dict[str, Any]:
        return {"driver": "qcow2", "node-name": name, "file": {**FILE_A, "filename": name}, **more}

    with Client.launch(in_folder(tmp_path, program), **LONG) as vm:
        for name in ("source", "target"):
            vm.execute("blockdev-add", {**NULL, "node-name": name, "size": 64 * MIB})
        error = {"event": "none", "iotype": "write", "errno": 28}
        full: dict[str, Any] = {"driver": "blkdebug", "node-name": "full", "inject-error": [error]}
        vm.execute("blockdev-add", {**full, "image": {**NULL, "size": 64 * MIB}})
        vm.execute("blockdev-add", image("state"))
        for command, arguments, status in JOBS:
            if command.startswith("block-"):  # it changes the images
                chain = image("top", backing=image("middle", backing=image("base")))
                vm.ensure_present("block-node", "top", chain)
            mark = vm.event_mark()
            assert vm.ensure_present("job", "j", arguments, command=command) is True
            vm.wait_event("JOB_STATUS_CHANGE", match={"id": "j", "status": status}, since=mark)
            assert vm.ensure_present("job", "j", arguments, command=command) is False
            with pytest.raises(ConflictError):
                vm.ensure_present("job", "j", command="x-blockdev-amend")
            assert vm.ensure_absent("job", "j") is True
            assert vm.ensure_absent("job", "j") is False
            vm.ensure_absent("block-node", "top")


# Lost replies


@pytest.fixture
def server(program: Callable[[str], str], tmp_path: Path) -> Iterator[Path]:
    """Start a QEMU with two monitors; return the socket of the first, the second is "side"."""
    monitors = [f"unix:{tmp_path / name},server=on,wait=off" for name in ("qmp", "side")]
    argv = [program(QEMU), *BASE, "-qmp", monitors[0], "-qmp", monitors[1]]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as qemu:
        try:
            until_listening(tmp_path / "side", qemu)
            yield tmp_path / "qmp"
        finally:
            qemu.kill()


def test_a_job_whose_reply_is_lost_runs_once(face: Face, server: Path, tmp_path: Path) -> None:
    side = Client.connect(str(tmp_path / "side"), timeout=PATIENCE)
    with side, side.events("JOB_STATUS_CHANGE") as events:
        for name in ("source", "target"):
            side.execute("blockdev-add", {**NULL, "node-name": name})
        relay = CuttingRelay(tmp_path / "relay", server, "blockdev-backup")
        vm = face.connect(str(tmp_path / "relay"), reconnect=PATIENCE, timeout=PATIENCE)
        try:
            arguments = ("job", "j", COPY)
            assert vm.call("ensure_present", *arguments, command="blockdev-backup") is True
            assert relay.cuts == 1
            side.wait_event(
                "JOB_STATUS_CHANGE", match={"status": "concluded"}, since=0, timeout=PATIENCE
            )
            assert vm.call("ensure_present", *arguments, command="blockdev-backup") is False
            assert vm.call("ensure_absent", "job", "j") is True
            (lost,) = vm.client.interruptions
            assert lost.commands == ("blockdev-backup",)
        finally:
            vm.close()
            relay.close()
        side.wait_event("JOB_STATUS_CHANGE", match={"status": "null"}, since=0, timeout=PATIENCE)
        seen = [events.next(PATIENCE).data["status"] for _ in range(6)]
        assert seen.count("created") == 1


@pytest.mark.parametrize("command", ["blockdev-add", "query-named-block-nodes", "blockdev-del"])
def test_a_node_whose_reply_is_lost(face: Face, server: Path, tmp_path: Path, command: str) -> None:
    relay = CuttingRelay(tmp_path / "relay", server, command)
    vm = face.connect(str(tmp_path / "relay"), reconnect=PATIENCE, timeout=PATIENCE)
    try:
        assert vm.call("ensure_present", "block-node", "x", NULL) is True
        names = [node["node-name"] for node in vm.execute("query-named-block-nodes")]
        assert names == ["x"]
        assert vm.call("ensure_absent", "block-node", "x") is True
        assert vm.execute("query-named-block-nodes") == []
        assert relay.cuts == 1
    finally:
        vm.close()
        relay.close()


def test_a_storage_daemon(program: Callable[[str], str], tmp_path: Path) -> None:
    chardev = f"socket,id=c,path={tmp_path / 'qmp'},server=on,wait=off"
    argv = [program("qemu-storage-daemon"), "--chardev", chardev, "--monitor", "chardev=c"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as daemon:
        try:
            until_listening(tmp_path / "qmp", daemon)
            with Client.connect(str(tmp_path / "qmp"), timeout=PATIENCE) as vm:
                check(vm, "block-node", NULL, {"size": 2 * MIB})
                check(vm, "object", {"qom-type": "iothread"}, {"poll-max-ns": 7})
                backend = {"type": "null", "data": {}}
                check(vm, "chardev", {"backend": backend}, {"backend": {"type": "ringbuf"}})
                with pytest.raises(CommandError, match="CommandNotFound"):
                    vm.ensure_present("device", "x", {"driver": "usb-kbd"})
                assert vm.ensure_absent("device", "x") is False
                with pytest.raises(CommandError, match="CommandNotFound"):
                    vm.ensure_absent("netdev", "x")
        finally:
            daemon.kill()
