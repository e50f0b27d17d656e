"""Things of a server: the commands that create them, what a server shows, and the comparison."""

import pickle
from typing import Any

import pytest

from qmpeer.client.existence import (
    compare,
    creation,
    is_chardev_in,
    kind_called,
    netdev_in,
    node_in,
    properties_wanted,
    type_in,
)
from qmpeer.client.network_listing import network_lines
from qmpeer.errors import ConflictError

# Creation


@pytest.mark.parametrize(
    ("kind", "arguments", "command", "expected"),
    [
        ("block-node", {"driver": "null-co"}, None, ("blockdev-add", {"node-name": "x"})),
        ("device", {"driver": "usb-kbd", "id": "x"}, None, ("device_add", {"id": "x"})),
        ("object", {"qom-type": "iothread"}, None, ("object-add", {"id": "x"})),
        ("netdev", {"type": "user"}, None, ("netdev_add", {"id": "x"})),
        ("chardev", {"backend": {"type": "null"}}, None, ("chardev-add", {"id": "x"})),
        ("job", {"options": {}}, "blockdev-create", ("blockdev-create", {"job-id": "x"})),
        (
            "job",
            {"device": "a"},
            "block-stream",
            ("block-stream", {"job-id": "x", "auto-dismiss": False}),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_command(
    kind: str,
    arguments: dict[str, Any],
    command: str | None,
    expected: tuple[str, dict[str, Any]],
) -> None:
    before = dict(arguments)
    name, added = expected
    assert creation(kind, "x", arguments, command) == (name, {**arguments, **added})
    assert arguments == before


@pytest.mark.parametrize(
    ("kind", "id", "arguments", "command", "text"),
    [
        ("disk", "x", {}, None, "found 'disk' as a kind, expected one of block-node, chardev, "),
        ("device", "/machine/x", {"driver": "e1000"}, None, "expected one without a slash"),
        ("device", "", {"driver": "e1000"}, None, "expected one without a slash"),
        ("device", "x", {"driver": "e1000", "id": "y"}, None, "found id 'y' in the arguments"),
        ("device", "x", None, None, "found no driver in the arguments, expected the device's"),
        ("chardev", "x", {"type": "null"}, None, "found no backend.type in the arguments"),
        ("object", "x", {"qom-type": "can-bus"}, "stop", "found command 'stop', expected one "),
        ("job", "x", {}, None, "found no command, expected the one that starts the job"),
        ("job", "x", {"auto-dismiss": True}, "block-commit", "found auto-dismiss in the arguments"),
    ],
)
def test_arguments_that_do_not_fit(
    kind: str, id: str, arguments: Any, command: str | None, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        creation(kind, id, arguments, command)


def test_the_kinds_are_those_of_names() -> None:
    assert kind_called("block-node").noun == "block node"


# What a server shows


def test_a_node() -> None:
    nodes = [
        {"node-name": "other"},
        {
            "node-name": "x",
            "drv": "null-co",
            "ro": False,
            "detect_zeroes": "off",
            "cache": {"direct": False, "no-flush": False, "writeback": True},
            "file": "null-co://",
            "image": {"virtual-size": 1024},
        },
    ]
    assert node_in(nodes, "x") == {
        "driver": "null-co",
        "read-only": False,
        "detect-zeroes": "off",
        "cache": {"direct": False, "no-flush": False, "writeback": True},
        "size": 1024,
    }
    assert node_in(nodes, "y") is None


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("disk.img", "disk.img"),
        ("/mnt/a:b", "/mnt/a:b"),
        ('json:{"driver": "raw"}', None),
        ("nbd://localhost/x", None),
        (5, ""),
    ],
)
def test_the_file_of_a_node(file: Any, shown: str | None) -> None:
    found = node_in([{"node-name": "x", "file": file}], "x")
    assert found is not None
    assert found.get("filename") == shown


LISTING = (
    "hub 0\r\n \\ p0: n0: index=0,type=socket,\r\n \\ p1: nic0: index=0,type=nic,model=e1000\r\n"
    "hub 7\r\n \\ p2\r\n"
    "nic1: index=0,type=nic,model=e1000\r\n \\ n1: index=0,type=tap,ifname=t0\r\n"
    "n2: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
)
"""QEMU 7.2 and 10.0: what is connected to a hub is listed only there."""


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("p0", {"type": "hubport", "hubid": "0"}),
        ("p2", {"type": "hubport", "hubid": "7"}),
        ("n0", {"type": "socket", "": ""}),
        ("n1", {"type": "tap", "ifname": "t0"}),
        ("n2", {"type": "user", "net": "10.0.2.0", "restrict": "off"}),
        ("nic0", None),
        ("hub 0", None),
        ("n3", None),
    ],
)
def test_a_netdev(id: str, expected: Any) -> None:
    assert netdev_in(LISTING, id) == expected


def test_the_lines_of_a_listing() -> None:
    names = [(line.name, line.kind, line.is_backend) for line in network_lines(LISTING)]
    assert names == [
        ("p0", "hubport", False),
        ("n0", "socket", False),
        ("p1", "hubport", False),
        ("nic0", "nic", False),
        ("p2", "hubport", False),
        ("nic1", "nic", False),
        ("n1", "tap", True),
        ("n2", "user", False),
    ]


def test_a_qom_object() -> None:
    children = [{"name": "type", "type": "string"}, {"name": "x", "type": "child<chardev-file>"}]
    assert type_in(children, "x", "chardev-") == "file"
    assert type_in(children, "type", "") is None


def test_a_chardev() -> None:
    assert is_chardev_in([{"label": "x"}], "x")
    assert not is_chardev_in([{"label": "x"}], "y")


@pytest.mark.parametrize("answer", [None, 5, "text", {}, [5], [{}], [{"label": 5, "name": "x"}]])
def test_an_answer_of_another_form(answer: Any) -> None:
    assert node_in(answer, "x") is None
    assert netdev_in(answer, "x") is None
    assert type_in(answer, "x", "") is None
    assert not is_chardev_in(answer, "x")


# Comparison

ADDRESS = {"type": "inet", "data": {"host": "127.0.0.1", "port": "4444"}}


def socket(**address: Any) -> dict[str, Any]:
    return {"backend": {"type": "socket", "data": {"addr": address}}}


@pytest.mark.parametrize(
    ("kind", "arguments", "found"),
    [
        ("device", {"driver": "virtio-blk"}, {"driver": "virtio-blk-pci"}),
        ("device", {"driver": "virtio-blk"}, {"driver": "virtio-blk-ccw"}),
        ("device", {"driver": "lsi"}, {"driver": "lsi53c895a"}),
        ("netdev", {"type": "bridge"}, {"type": "tap"}),
        ("device", {"addr": "0x6"}, {"addr": 0x30}),
        ("device", {"addr": "1f.7"}, {"addr": 0xFF}),
        ("device", {"addr": 0x30}, {"addr": 0x30}),
        ("device", {"addr": "0x140000000"}, {"addr": 0x140000000}),
        ("device", {"bus": "scsi0.0"}, {"bus": "/machine/peripheral/scsi0/virtio/scsi0.0"}),
        ("device", {"iothread": "io0"}, {"iothread": "/objects/io0"}),
        ("device", {"mac": "52-54-00-AA-00-01"}, {"mac": "52:54:00:aa:00:01"}),
        ("device", {"share-rw": "on", "rombar": "off"}, {"share-rw": True, "rombar": False}),
        ("device", {"bootindex": "8", "size": "4k"}, {"bootindex": 8, "size": 4096}),
        ("device", {"size": "1.5G"}, {"size": 3 << 29}),
        ("device", {"size": "0x1000"}, {"size": 4096}),
        ("device", {"write-cache": "auto"}, {"write-cache": "on"}),
        ("device", {"drive": "disk0"}, {"drive": ""}),
        ("device", {"ports": ["n0", "n1"]}, {"ports": ["n0", "n1"]}),
        ("device", {"serial": "x"}, {}),
        (
            "object",
            {"rules": [{"match": "a*", "policy": "deny"}]},
            {"rules": [{"match": "a*", "policy": "deny", "format": "glob"}]},
        ),
        ("object", {"limits": {"bps-read": 7}}, {"limits": {"bps-read": 7, "bps-write": 0}}),
        ("object", {"props": {"size": "1M"}}, {"size": 1 << 20}),
        ("block-node", {"driver": "null-co", "size": 1000}, {"size": 1024}),
        ("block-node", {"read-only": False, "auto-read-only": True}, {"read-only": True}),
        ("block-node", {"read-only": True, "discard": "unmap"}, {"read-only": True}),
        ("block-node", {"file": "file0"}, {"filename": "disk.img"}),
        ("block-node", {"file": {"filename": "a"}}, {"filename": "a"}),
        ("block-node", {"cache": {"direct": True}}, {"cache": {"direct": True, "no-flush": False}}),
        ("netdev", {"hubid": 0}, {"hubid": "0"}),
        ("netdev", {"restrict": True, "net": "10.0.0.0/24"}, {"restrict": "on", "net": "10.0.0.0"}),
        ("chardev", socket(**ADDRESS), {"addr": {"type": "inet", "host": "::1", "port": "4444"}}),
        (
            "chardev",
            socket(type="inet", data={"port": "0"}),
            {"addr": {"type": "inet", "port": "4444"}},
        ),
        (
            "chardev",
            socket(type="inet", data={"port": "http"}),
            {"addr": {"type": "inet", "port": "80"}},
        ),
        ("chardev", socket(type="inet", port="1", to=9), {"addr": {"type": "inet", "port": "2"}}),
        ("chardev", socket(type="fd", data={"str": "f"}), {"addr": {"type": "unix", "path": ""}}),
        ("chardev", {"backend": {"type": "null", "data": {}}}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equal(kind: str, arguments: dict[str, Any], found: dict[str, Any]) -> None:
    known = kind_called(kind)
    name = known.type_member
    if kind != "chardev":
        arguments = {name: "t", known.id_member: "x", **arguments}
    compare(kind, "x", known.add, arguments, {name: arguments.get(name), **found})


@pytest.mark.parametrize(
    ("kind", "arguments", "found", "text"),
    [
        ("device", {}, {"driver": "t-usb"}, 'found driver "t-usb", expected "t"'),
        ("device", {"addr": "6.1"}, {"addr": 0x30}, 'found addr 48, expected "6.1"'),
        ("device", {"bus": "pcie.0"}, {"bus": "/machine/x/pcie.1"}, "pcie.1"),
        ("device", {"serial": "0x10"}, {"serial": "16"}, 'found serial "16", expected "0x10"'),
        ("device", {"serial": "Ab"}, {"serial": "ab"}, 'found serial "ab", expected "Ab"'),
        ("device", {"serial": "a"}, {"serial": ""}, 'found serial "", expected "a"'),
        ("device", {"ports": ["n0"]}, {"ports": ["n0", "n1"]}, "found ports"),
        ("device", {"share-rw": "on"}, {"share-rw": False}, "found share-rw false"),
        ("device", {"size": "1.5G"}, {"size": 1 << 30}, "found size 1073741824"),
        (
            "device",
            {"bootindex": 1, "nr": 2},
            {"bootindex": 3, "nr": 4},
            "; found nr 4, expected 2",
        ),
        (
            "object",
            {"qom-type": "throttle-group", "limits": {"bps-read": 1}},
            {"limits": {"bps-read": 2}},
            "found limits.bps-read 2, expected 1",
        ),
        ("object", {"rules": [{"match": "a"}]}, {"rules": [{"match": "b"}]}, "found rules"),
        ("block-node", {"file": {"filename": "a"}}, {"filename": "b"}, 'found filename "b"'),
        ("block-node", {"cache": {"direct": True}}, {"cache": {"direct": False}}, "cache.direct"),
        ("netdev", {"hubid": 1}, {"hubid": "0"}, 'found hubid "0", expected 1'),
        ("chardev", socket(**ADDRESS), {"addr": {"type": "unix", "path": "p"}}, "addr.port null"),
        ("chardev", socket(type="inet", port="0"), {"addr": {"type": "unix"}}, 'addr.type "unix"'),
        ("chardev", socket(type="unix", path="p"), {"addr": {"type": "unix", "path": "q"}}, '"q"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_different(kind: str, arguments: dict[str, Any], found: dict[str, Any], text: str) -> None:
    known = kind_called(kind)
    name = known.type_member
    if kind != "chardev":
        arguments = {name: "t", known.id_member: "x", **arguments}
    with pytest.raises(ConflictError) as caught:
        compare(kind, "x", known.add, arguments, {name: arguments.get(name), **found})
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{known.noun} x exists, but differs: found ")


def test_a_job_is_compared_by_its_type() -> None:
    assert properties_wanted("job", {"device": "a"}) == {}
    compare("job", "j", "drive-backup", {}, {"type": "backup"})
    compare("job", "j", "drive-backup", {}, {"type": None})
    compare("job", "j", "x-new-job", {}, {"type": "backup"})
    with pytest.raises(ConflictError, match='found type "backup", expected "mirror"'):
        compare("job", "j", "drive-mirror", {}, {"type": "backup"})


def test_a_conflict_shows_no_secret() -> None:
    secret: dict[str, Any] = {"qom-type": "secret", "id": "s", "data": "hunter2", "format": "raw"}
    found = {"qom-type": "secret", "data": "swordfish", "format": "base64"}
    with pytest.raises(ConflictError) as caught:
        compare("object", "s", "object-add", secret, found)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.differences == {
        "data": ("<redacted>", "<redacted>"),
        "format": ("base64", "raw"),
    }
    assert (error.kind, error.thing, error.command) == ("object", "s", "object-add")
    for text in (str(error), repr(error), repr(error.__cause__)):
        assert "hunter2" not in text
        assert "swordfish" not in text
