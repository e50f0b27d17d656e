"""Answers of a machine to the tools, and variations of them with one odd part."""

from collections.abc import Iterator
from typing import Any

__all__ = ["ANSWERS", "ODD", "odd_answers"]

DEEP: list[Any] = []
for _ in range(1000):  # deeper values can't be read
    DEEP = [DEEP]

ODD: list[Any] = [
    None, True, 0, -1, 1.5, "", "x", "٣", "²", "\x1b[2J", "9" * 400, [], {}, [None], [[]], [{}],
    ["x"], {"a": None}, 2**63, [0], {"x": []}, {"": {"": ""}}, DEEP,
]  # fmt: skip

_IMAGE = {"filename": "/x", "virtual-size": 4096, "actual-size": 1, "backing-filename": "/b"}
_MEDIUM = {"node-name": "n0", "drv": "qcow2", "ro": False, "file": "/x", "image": _IMAGE}
_DISK = {"device": "d0", "qdev": "/m/d0", "removable": False, "io-status": "failed"}
_COUNTERS = {"rd_bytes": 1, "wr_bytes": 2, "rd_operations": 3, "wr_operations": 4}
_CPU = {"thread-id": 1, "qom-path": "/machine/cpu", "cpu-index": 0}
_JOB = {"id": "j", "type": "mirror", "status": "paused"}
_BLOCK_JOB = {"device": "j", "type": "mirror", "status": "paused", "io-status": "nospace"}
_TAP = "nic0: index=0,type=nic,model=e1000,macaddr=52:54\r\n \\ n0: index=0,type=tap,ifname=lo"
_EXITS = {"name": "exits", "value": 5}

ANSWERS: dict[str, Any] = {
    "query-version": {"qemu": {"major": 7, "minor": 2, "micro": 1}, "package": "Debian"},
    "query-status": {"status": "running"},
    "query-name": {"name": "vm"},
    "query-uuid": {"UUID": "11111111-0000-0000-0000-000000000001"},
    "query-target": {"arch": "x86_64"},
    "query-kvm": {"enabled": False, "present": True},
    "query-cpus-fast": [_CPU],
    "query-memory-size-summary": {"base-memory": 1 << 27, "plugged-memory": 5},
    "query-balloon": {"actual": 5},
    "query-block": [{**_DISK, "inserted": _MEDIUM}],
    "query-block-exports": [{"id": "e", "type": "nbd", "node-name": "n0"}],
    "query-rx-filter": [{"name": "net0", "main-mac": "52:54"}],
    "human-monitor-command": _TAP,
    "query-chardev": [{"label": "c", "filename": "unix:/x,server=on", "frontend-open": True}],
    "query-jobs": [{**_JOB, "current-progress": 1, "total-progress": 4, "error": "e"}],
    "query-block-jobs": [{**_BLOCK_JOB, "len": 4, "offset": 1}],
    "query-migrate": {"status": "postcopy-paused", "ram": {"total": 8, "remaining": 1}},
    "query-vnc": {"enabled": True, "host": "::", "service": "5900"},
    "query-stats": [{"qom-path": "/machine/cpu", "stats": [_EXITS]}],
    "query-blockstats": [{"device": "d0", "qdev": "/q", "node-name": "n0", "stats": _COUNTERS}],
    "qom-list": [{"name": "type", "type": "string"}, {"name": "a[1]", "type": "child<x>"}],
    "qom-get": "pc",
    "qom-set": {},
    "query-pci": [{"devices": [{"qdev_id": "d", "pci_bridge": {"devices": [{"qdev_id": "e"}]}}]}],
    "query-qmp-schema": [{"name": "STOP", "meta-type": "event", "arg-type": "0"}],
    "query-named-block-nodes": [{**_MEDIUM, "dirty-bitmaps": [{"name": "b"}]}],
    "screendump": {},
    "add-fd": {"fdset-id": 1, "fd": 2},
    "remove-fd": {},
}


def odd_answers(value: Any, odd: Any) -> Iterator[Any]:
    """Yield variations of a value: each has one part replaced by another value, or left out."""
    yield odd
    is_object = isinstance(value, dict)
    keys = value if is_object else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        for part in odd_answers(value[key], odd):
            copy: Any = dict(value) if is_object else list(value)
            copy[key] = part
            yield copy
        if is_object:
            yield {name: each for name, each in value.items() if name != key}
