"""Inputs that are known to kill a release, tried on the QEMU that is installed.

Modules: crashes.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer.effects import known_crash
from qmpeer.effects.crashes import KNOWN_CRASHES
from qmpeer.messages import CommandMessage
from tests.patience import PATIENCE
from tests.qemu import QEMU

MISSING = {"node": "missing", "name": "missing"}
DEADLY: dict[str, tuple[str, dict[str, Any]]] = {
    "no time": ("announce-self", {"initial": 7, "max": 2**63 - 1, "rounds": 2**63 - 1, "step": -1}),
    "a legacy": (
        "qom-set",
        {"path": "/machine/unattached/device[2]", "property": "cpu-hotplug-legacy", "value": True},
    ),
    "no KVM": ("calc-dirty-rate", {"calc-time": 1, "mode": "dirty-ring"}),
    "no options": ("blockdev-reopen", {"options": []}),
    "no console": (
        "chardev-add",
        {"id": "c", "backend": {"type": "vc", "data": {"width": -1, "height": 9}}},
    ),
    "a change to no console": (
        "chardev-change",
        {"id": "ring", "backend": {"type": "vc", "data": {"rows": -1, "cols": 9}}},
    ),
    "a module": ("device-list-properties", {"typename": "virtio-vga-gl"}),
    "less than no memory": ("memsave", {"val": 1, "size": -1, "filename": "/dev/null"}),
    "a device with two hubs": (
        "netdev_add",
        {"id": "h", "type": "hubport", "hubid": 1, "netdev": "net"},
    ),
    "nothing to compare": (
        "object-add",
        {
            "qom-type": "colo-compare",
            "id": "c",
            "primary_in": "ring",
            "secondary_in": "ring",
            "outdev": "ring",
            "iothread": "io",
        },
    ),
    "no cryptography": (
        "object-add",
        {"qom-type": "cryptodev-vhost-user", "id": "k", "chardev": "ring"},
    ),
    "nothing remote": (
        "object-add",
        {"qom-type": "x-remote-object", "id": "r", "fd": "f", "devid": "d"},
    ),
    "less than none": ("pmemsave", {"val": 1, "size": -1, "filename": "/dev/null"}),
    "a remote type": ("qom-list-properties", {"typename": "x-remote-object"}),
    "a type with a descriptor": ("qom-list-properties", {"typename": "filter-dump"}),
    "a listener's type": ("qom-list-properties", {"typename": "qio-net-listener"}),
    "no bitmap": (
        "transaction",
        {"actions": [{"type": "block-dirty-bitmap-enable", "data": MISSING}]},
    ),
    "any device": ("x-query-virtio-status", {"path": "/machine/peripheral/d/virtio-backend"}),
    "any state": ("xen-load-devices-state", {"filename": "/dev/null"}),
    "a second time": ("xen-save-devices-state", {"filename": "/dev/null"}),
}
"""One example at least of each known crash."""

HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("blockdev-reopen", {"options": [{"node-name": "a"}]}),
    ("blockdev-reopen", {}),
    ("chardev-add", {"id": "c", "backend": {"type": "vc", "data": {"cols": 80, "rows": 24}}}),
    ("chardev-add", {"id": "c", "backend": {"type": "null", "data": {}}}),
    ("chardev-add", {"backend": [{"type": "vc"}]}),
    ("announce-self", {"initial": 50, "max": 550, "rounds": 5, "step": 50}),
    ("memsave", {"val": 1, "size": 1, "filename": "/dev/null"}),
    ("netdev_add", {"id": "h", "type": "hubport", "hubid": 1}),
    ("object-add", {"qom-type": "iothread", "id": "r"}),
    ("qom-list-properties", {"typename": "iothread"}),
    ("transaction", {"actions": [{"type": "block-dirty-bitmap-disable", "data": MISSING}]}),
    ("transaction", {"actions": ["block-dirty-bitmap-enable", 1, None, {}]}),
    ("transaction", {"actions": "block-dirty-bitmap-enable"}),
    ("xen-save-devices-state", {"filename": "/dev/null", "live": False}),
    ("query-status", {}),
]


def reason(name: str, arguments: dict[str, Any], release: tuple[int, int] | None) -> str | None:
    return known_crash(release, CommandMessage(name, arguments))


@pytest.mark.parametrize("case", DEADLY)
def test_a_deadly_input_is_known(case: str) -> None:
    name, arguments = DEADLY[case]
    assert reason(name, arguments, None)  # a release that is unknown could be any


@pytest.mark.parametrize(("name", "arguments"), HARMLESS)
def test_another_input_is_not(name: str, arguments: dict[str, Any]) -> None:
    assert reason(name, arguments, None) is None


def test_each_known_crash_has_an_example() -> None:
    for crash in KNOWN_CRASHES:
        assert any(
            name == crash.command and crash.matches(arguments)
            for name, arguments in DEADLY.values()
        ), crash


def test_releases() -> None:
    memsave = DEADLY["less than no memory"]
    assert [bool(reason(*memsave, each)) for each in ((1, 0), (9, 2), (10, 0))] == [
        True,
        True,
        False,
    ]
    reopen = DEADLY["no options"]
    assert [bool(reason(*reopen, each)) for each in ((6, 0), (6, 1), (99, 0))] == [
        False,
        True,
        True,
    ]


def dies(qemu: str, folder: Path, name: str, arguments: dict[str, Any]) -> bool:
    """Return True if QEMU ends by itself after a command, or no longer answers."""
    command = {"execute": name, "arguments": arguments}
    asked = [{"execute": "qmp_capabilities"}, command, command, {"execute": "query-status"}]
    options = ["-m", "16", "-nodefaults", "-display", "none", "-accel", "tcg", "-S"]
    options += ["-chardev", "ringbuf,id=ring", "-netdev", "hubport,id=net,hubid=0"]
    options += ["-object", "iothread,id=io"]
    options += ["-machine", "q35", "-device", "e1000,netdev=net"]
    options += ["-blockdev", "null-co,node-name=a", "-device", "virtio-blk,drive=a,id=d"]
    with subprocess.Popen(
        [qemu, *options, "-qmp", "stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    ) as process:
        try:
            text = "".join(map(json.dumps, [*asked, {"execute": "quit"}]))
            output, _ = process.communicate(text, HANGS if name in MAY_HANG else PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return True
    return process.returncode != 0 or '"running"' not in output


MAY_HANG = ("announce-self", "object-add")
HANGS = 10
"""The seconds after which one of these has hung."""
SURVIVED_HERE = {"a module"}
"""It needs a QEMU whose modules are in packages that aren't installed."""
NOT_TRIED = {"less than none", "a type with a descriptor"}
"""One writes without end in later releases; the other costs a descriptor, not the life."""
QUICK = {"no options", "no bitmap"}


@pytest.mark.real
@pytest.mark.parametrize(
    "case",
    [
        each if each in QUICK else pytest.param(each, marks=pytest.mark.slow)
        for each in DEADLY
        if each not in NOT_TRIED
    ],
)
def test_it_kills(
    case: str, program: Callable[[str], str], qemu_version: tuple[int, int], tmp_path: Path
) -> None:
    name, arguments = DEADLY[case]
    is_known = reason(name, arguments, qemu_version) is not None
    is_dead = dies(program(QEMU), tmp_path, name, arguments)
    assert is_dead == is_known or (case in SURVIVED_HERE and not is_dead)
