"""Facts as lines for people."""

from qmpeer.display.layout import Layout
from qmpeer.inventory.facts_text import info_lines


def test_all_that_can_be_told() -> None:
    facts = {
        "kind": "machine",
        "qemu": {"version": "10.2.0", "package": ""},
        "status": "running",
        "machine": "q35",
        "target": "x86_64",
        "accelerator": "kvm",
        "kvm": True,
        "cpus": {"count": 4, "model": "host", "topology": {"sockets": 2, "cores": 2}, "most": 8},
        "memory": {"base": 1 << 30, "plugged": 1 << 28, "balloon": 1 << 29},
        "disks": [
            {"name": "d", "format": "raw", "file": "/d", "read-only": False, "io-status": "nospace"}
        ],
        "nics": [{"name": "n", "mac": "m"}],
        "displays": [{"type": "vnc", "address": "127.0.0.1:5900"}],
        "chardevs": [{"label": "c", "filename": "null", "open": False}],
        "jobs": [{"id": "j", "type": "mirror", "status": "running", "current-progress": 1,
                  "total-progress": 4}],
        "migration": {"status": "active", "current-progress": 30, "total-progress": 40},
    }  # fmt: skip
    assert list(info_lines(facts, Layout(78))) == [
        "QEMU 10.2.0 is running",
        "machine     q35, x86_64, kvm",
        "CPUs        4 × host (2 sockets × 2 cores), up to 8",
        "memory      1 GiB + 256 MiB plugged, balloon at 512 MiB",
        "disks       d  raw    /d (I/O status nospace)",
        "NICs        n    m  (not connected)",
        "displays    vnc  127.0.0.1:5900",
        "chardevs    c  null (closed)",
        "jobs        j  mirror  running  25%",
        "migration   active  75%",
    ]
