"""A host with a folder that is given away, one beside it, and a QEMU that could touch both."""

import struct
from pathlib import Path

from tests.policy.case_table import TABLE

_SIZE = 1 << 20


class Host:
    """The folders and their files.

    Attributes:
        folder: The folder of everything.
        vm: The folder that a policy gives away.
        out: The one beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vm, self.out = folder / "vm", folder / "out"
        self.vm.mkdir()
        self.out.mkdir()
        (self.vm / "folder").mkdir()
        (self.vm / "folder/up").symlink_to("..")
        (self.vm / "to-out").symlink_to(self.out)
        (self.vm / "dangling").symlink_to(self.out / "dangled")
        program = self.out / "prog"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        self._make_images()

    @property
    def places(self) -> dict[str, str]:
        """What stands between braces in the table and in the policy."""
        return {"vm": str(self.vm), "out": str(self.out)}

    def _make_images(self) -> None:
        for name in (
            "vm/plain.raw",
            "vm/disk.raw",
            "vm/mirrored.raw",
            "out/foreign",
            "out/backing",
            "out/data",
        ):
            _sparse(self.folder / name)
        split = _qcow2(data_file=str(self.out / "data"))
        backed = _qcow2(backing=str(self.out / "backing"))
        for number, text in enumerate(TABLE.read_text().splitlines(), 1):
            if "/secret{n}" in text or "{vm}/extents{n}" in text:
                _sparse(self.out / f"secret{number}")
            if "{vm}/extents{n}" in text:
                self._make_vmdk(number)
            if "{vm}/data-outside{n}" in text:
                (self.vm / f"data-outside{number}.qcow2").write_bytes(split)
            if "{vm}/backed-outside{n}" in text:
                (self.vm / f"backed-outside{number}.qcow2").write_bytes(backed)
        for name in ("plain", "snapped"):
            (self.vm / f"{name}.qcow2").write_bytes(_qcow2())
        for name, backing in (
            ("backed", self.vm / "plain.raw"),
            ("layered", self.vm / "plain.raw"),
        ):
            (self.vm / f"{name}.qcow2").write_bytes(_qcow2(backing=str(backing)))
        (self.vm / "data-inside-at-64k.raw").write_bytes(bytes(65536) + split)

    def _make_vmdk(self, number: int) -> None:
        text = (
            "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
            f'createType="monolithicFlat"\nRW 2048 FLAT "{self.out}/secret{number}" 0\n'
            'ddb.adapterType = "ide"\nddb.geometry.cylinders = "2"\n'
            'ddb.geometry.heads = "16"\nddb.geometry.sectors = "63"\n'
        )
        (self.vm / f"extents{number}.vmdk").write_text(text)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_SIZE)


def _qcow2(*, backing: str = "", data_file: str = "") -> bytes:
    """Return an empty qcow2 image of 1 MiB.

    Spec: QEMU, docs/interop/qcow2.txt.
    """
    cluster = 65536
    features = 4 if data_file else 0
    extensions = b""
    for kind, text in ((0xE2792ACA, "raw" if backing else ""), (0x44415441, data_file)):
        if text:
            data = text.encode()
            padded = data.ljust((len(data) + 7) & ~7, b"\0")
            extensions += struct.pack(">II", kind, len(data)) + padded
    extensions += bytes(8)
    backing_at = 104 + len(extensions) if backing else 0
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb", 3, backing_at, len(backing), 16, _SIZE, 0, 1, 3 * cluster, cluster, 1, 0, 0,
        features, 0, 0, 4, 104,
    )  # fmt: skip
    first = (header + extensions + backing.encode()).ljust(cluster, b"\0")
    table = struct.pack(">Q", 2 * cluster).ljust(cluster, b"\0")
    counts = struct.pack(">HHHH", 1, 1, 1, 1).ljust(cluster, b"\0")
    return first + table + counts + bytes(cluster)


def qemu_options(host: Host) -> list[str]:
    """Return the options of a QEMU with all that the table names."""
    vm = host.vm
    drives = {
        "plain": f"format=raw,file={vm}/disk.raw,node-name=plain-node",
        "mirrored": f"format=raw,file={vm}/mirrored.raw",
        "snapped": f"format=qcow2,file={vm}/snapped.qcow2",
        "layered": f"format=qcow2,file={vm}/layered.qcow2,node-name=layered-node",
    }
    options = ["-machine", "q35", "-m", "64", "-nodefaults", "-accel", "tcg", "-S"]
    options += ["-vga", "std", "-vnc", f"unix:{host.folder}/vnc"]
    options += ["-object", "secret,id=hidden,data=hush"]
    for name, rest in drives.items():
        options += ["-drive", f"if=none,id={name},{rest}"]
    options += ["-drive", "if=none,id=medium", "-device", "ide-cd,id=cd,drive=medium"]
    for number in range(4):
        port = f"pcie-root-port,id=port{number},chassis={number}"
        options += ["-device", port]
    return [*options, "-device", "virtio-rng-pci,id=leaving,bus=port3"]
