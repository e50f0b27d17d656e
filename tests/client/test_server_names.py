"""Names from a server's answers, and the kind of name that each argument takes.

Modules: aio.name_queries, blocking.name_queries.
"""

from typing import Any

import pytest

from qmpeer.client.server_names import KINDS, chardev_address, kind_of
from tests.client.faces import Face
from tests.client.scripted import connected
from tests.patience import PATIENCE

NODES = [{"node-name": name} for name in ("disk10", "#block123", "disk9", "")]
REPLIES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("block-node", "", {"query-named-block-nodes": NODES}, ["disk9", "disk10", "#block123"]),
    (
        "block-node",
        "",
        {"query-block": [{"device": "ide0"}, {"device": "", "inserted": {"node-name": "n"}}]},
        ["n"],
    ),
    (
        "drive",
        "",
        {"query-block": [{"device": "ide0", "qdev": "q"}, {"device": "", "qdev": "/machine/x"}]},
        ["ide0"],
    ),
    (
        "drive-device",
        "",
        {
            "query-block": [
                {"device": "ide0", "qdev": "q"},
                {"device": "", "qdev": "/machine/x"},
                {},
            ]
        },
        ["/machine/x", "q"],
    ),
    (
        "event",
        "",
        {
            "query-qmp-schema": [
                {"name": "stop", "meta-type": "command"},
                {"name": "STOP", "meta-type": "event"},
            ]
        },
        ["STOP"],
    ),
    (
        "block",
        "",
        {
            "query-block": [{"device": "ide0"}, {"device": "", "qdev": "/machine/x"}],
            "query-named-block-nodes": NODES[:1],
        },
        ["ide0", "disk10"],
    ),
    (
        "device",
        "",
        {"qom-list": [{"name": "type", "type": "string"}, {"name": "nic", "type": "child<e1000>"}]},
        ["nic"],
    ),
    (
        "device",
        "",
        {
            "query-pci": [
                {
                    "devices": [
                        {"qdev_id": "a"},
                        {"qdev_id": "", "pci_bridge": {"devices": [{"qdev_id": "b"}]}},
                    ]
                }
            ]
        },
        ["a", "b"],
    ),
    (
        "qom-path",
        "/machine",
        {"qom-list": [{"name": "x", "type": "child<y>"}, {"name": "z", "type": "link<y>"}]},
        ["/machine/x"],
    ),
    ("qom-path", "", {"qom-list": [{"name": "machine", "type": "child<y>"}]}, ["/machine"]),
    ("qom-property", "/machine/x", {"qom-list": [{"name": "realized", "type": "b"}]}, ["realized"]),
    ("job", "", {"query-jobs": [{"id": "j2"}, {"id": "j1"}]}, ["j1", "j2"]),
    ("job", "", {"query-block-jobs": [{"device": "ide0"}]}, ["ide0"]),
    ("chardev", "", {"query-chardev": [{"label": "serial0"}]}, ["serial0"]),
    (
        "netdev",
        "",
        {
            "human-monitor-command": "n1: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
            "nic0: index=0,type=nic,model=e1000\r\n \\ n0: index=0,type=tap,ifname=x\r\n"
        },
        ["n0", "n1"],
    ),
    (
        "dirty-bitmap",
        "",
        {"query-named-block-nodes": [{"dirty-bitmaps": [{"name": "b"}, {}]}, {}]},
        ["b"],
    ),
    ("iothread", "", {"query-iothreads": [{"id": "io"}]}, ["io"]),
    ("iothread", "", {}, []),
    ("iothread", "", {"query-iothreads": {"unexpected": 1}}, []),
    ("netdev", "", {"human-monitor-command": 17}, []),
    ("block-node", "", {"query-named-block-nodes": ["unexpected", {"node-name": 5}]}, []),
]


@pytest.mark.parametrize(
    ("kind", "within", "replies", "expected"),
    REPLIES,
    ids=[f"{kind}-{'-'.join(replies) or 'none'}-{len(e)}" for kind, _, replies, e in REPLIES],
)
def test_names(
    face: Face, kind: str, within: str, replies: dict[str, Any], expected: list[str]
) -> None:
    with connected(face) as (vm, server):
        asking = vm.start("names", kind, within=within, timeout=PATIENCE)
        while not asking.done():
            if not server.has_input():
                continue
            command = server.command()
            if command["execute"] in replies:
                server.reply(command, replies[command["execute"]])
            else:
                server.fail(command, "CommandNotFound", "no")
        assert asking.result(PATIENCE) == expected


def test_where_a_path_is_asked_for(face: Face) -> None:
    with connected(face) as (vm, server):
        asking = vm.start("names", "qom-path", within="/machine/", timeout=PATIENCE)
        command = server.command()
        assert command["arguments"] == {"path": "/machine/"}
        server.reply(command, [{"name": "x", "type": "child<y>"}])
        assert asking.result(PATIENCE) == ["/machine/x"]


def test_an_old_server_does_not_know_flat(face: Face) -> None:
    with connected(face) as (vm, server):
        asking = vm.start("names", "block-node", timeout=PATIENCE)
        command = server.command()
        assert command["arguments"] == {"flat": True}
        server.fail(command, "GenericError", "Parameter 'flat' is unexpected")
        command = server.command()
        assert "arguments" not in command
        server.reply(command, NODES[:1])
        assert asking.result(PATIENCE) == ["disk10"]


def test_there_are_only_so_many(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.NAMES", 3)
    with connected(face) as (vm, server):
        asking = vm.start("names", "chardev", timeout=PATIENCE)
        server.reply(server.command(), [{"label": f"c{n}"} for n in range(10)])
        assert asking.result(PATIENCE) == ["c0", "c1", "c2"]


def test_a_server_that_is_busy(face: Face) -> None:
    with connected(face) as (vm, _), pytest.raises(TimeoutError):
        vm.call("names", "chardev", timeout=0.02)


def test_a_kind_that_is_none(face: Face) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(ValueError, match="found 'nope' as a kind of names"):
            vm.call("names", "nope")
        assert not server.has_input()


@pytest.mark.parametrize(
    ("command", "path", "kind"),
    [
        ("blockdev-add", "node-name", None),
        ("blockdev-add", "file.node-name", None),
        ("blockdev-add", "file", "block-node"),
        ("blockdev-add", "backing", "block-node"),
        ("blockdev-add", "file.filename", "file"),
        ("blockdev-del", "node-name", "block-node"),
        ("blockdev-mirror", "device", "block"),
        ("blockdev-mirror", "target", "block-node"),
        ("blockdev-mirror", "job-id", None),
        ("drive-backup", "target", "file"),
        ("block-commit", "top-node", "block-node"),
        ("block-job-cancel", "device", "job"),
        ("job-dismiss", "id", "job"),
        ("block-dirty-bitmap-add", "name", None),
        ("block-dirty-bitmap-remove", "name", "dirty-bitmap"),
        ("block-dirty-bitmap-remove", "node", "block"),
        ("block_resize", "device", "drive"),
        ("blockdev-open-tray", "id", "drive-device"),
        ("block_set_io_throttle", "id", "drive-device"),
        ("block_set_io_throttle", "device", "drive"),
        ("block-latency-histogram-set", "id", "drive-device"),
        ("blockdev-snapshot-sync", "device", "drive"),
        ("drive-mirror", "device", "block"),
        ("eject", "device", "drive"),
        ("device_add", "driver", "device-type"),
        ("device_add", "id", None),
        ("device_add", "netdev", "netdev"),
        ("device_add", "drive", "block-node"),
        ("device_add", "iothread", "iothread"),
        ("device_del", "id", "device"),
        ("netdev_add", "id", None),
        ("netdev_del", "id", "netdev"),
        ("chardev-remove", "id", "chardev"),
        ("chardev-add", "id", None),
        ("object-del", "id", "object"),
        ("qom-get", "path", "qom-path"),
        ("qom-get", "property", "qom-property"),
        ("qom-list", "path", "qom-path"),
        ("qom-list-types", "implements", "qom-type"),
        ("device-list-properties", "typename", "device-type"),
        ("query-status", "anything", None),
        ("transaction", "actions.0.data.node", "block-node"),
    ],
)
def test_which_argument_names_what(command: str, path: str, kind: str | None) -> None:
    assert kind_of(command, path) == kind
    assert kind in {*KINDS, "block", "file", None}


@pytest.mark.parametrize(
    ("filename", "address"),
    [
        ("unix:/run/ga,server=on", "unix:/run/ga"),
        ("disconnected:unix:/run/ga,server=on", "unix:/run/ga"),
        ("disconnected:tcp:127.0.0.1:4444,server=on", "tcp:127.0.0.1:4444"),
        ("tcp:[::1]:4444,server=on <-> [::1]:5555", "tcp:[::1]:4444"),
        ("unix:/run/ga", None),
        ("pty:/dev/pts/3", None),
    ],
)
def test_where_a_character_device_is(filename: str, address: str | None) -> None:
    chardevs = [{"label": "other"}, {"label": "ga", "filename": filename}]
    if address is None:
        with pytest.raises(ValueError, match="expected a server's socket"):
            chardev_address("ga", chardevs)
    else:
        assert chardev_address("ga", chardevs) == address
