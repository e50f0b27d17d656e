"""Images whose files are certain to lie under a folder, and those that aren't.

Modules: image_headers, image_tests, images.
"""

import struct
from collections.abc import Mapping

import pytest

from qmpeer import limits
from qmpeer.policy.image_headers import names_data_file, names_files
from qmpeer.policy.image_tests import ImageTest
from qmpeer.policy.images import image_failure, omission
from qmpeer.values import JsonObject, JsonValue


def qcow2(*, version: int = 3, backing: int = 0, features: int = 0) -> bytes:
    head = struct.pack(">4sIQ", b"QFI\xfb", version, backing).ljust(72, b"\0")
    return (head + struct.pack(">Q", features)).ljust(104, b"\0")


HEADS = {
    "/vm/plain": qcow2(),
    "/vm/old": qcow2(version=2),
    "/vm/backed": qcow2(backing=104),
    "/vm/split": qcow2(features=4),
    "/vm/dirty": qcow2(features=1),
    "/vm/qed": b"QED\0".ljust(80, b"\0"),
    "/vm/qed-backed": struct.pack("<4sIIIQ", b"QED\0", 0, 0, 0, 1).ljust(80, b"\0"),
    "/vm/short": b"QFI",
    "/vm/empty": b"",
}
NODES = {
    "mine": ("/vm/plain", "file"),
    "my-split": ("/vm/split", "file"),
    "shifted": ("/vm/plain", "raw"),
    "foreign": ("/etc/passwd", "file"),
    "set": ("/dev/fdset/3", "file"),
    "foreign-set": ("/dev/fdset/4", "file"),
    "whole": ('json:{"driver": "raw"}', "raw"),
}


class Facts:
    """A server with these files and nodes, and without links."""

    def under(self, path: str, folder: str) -> str | None:
        if ":" in path or ".." in path:
            raise ValueError("found no plain path")
        return None if path.startswith(f"{folder}/") else f"found {path}, expected another one"

    def head(self, path: str, size: int) -> bytes | None:
        if path == "/vm/unreadable":
            raise ValueError("found what can't be read")
        head = HEADS.get(path)
        return None if head is None else head[:size]

    def node_file(self, name: str) -> str | None:
        return NODES[name][0] if name in NODES else None

    def node_driver(self, name: str) -> str | None:
        return NODES[name][1] if name in NODES else None

    def owns_fd_set(self, number: int) -> bool:
        return number == 3


def file(name: str = "/vm/plain", **more: JsonValue) -> JsonObject:
    return {"driver": "file", "filename": name, **more}


def over(driver: str, inner: JsonValue, **more: JsonValue) -> JsonObject:
    return {"driver": driver, "file": inner, **more}


def deep(levels: int) -> JsonObject:
    node = file()
    for _ in range(levels):
        node = over("raw", node)
    return node


CERTAIN: Mapping[str, JsonObject] = {
    "a file": file(),
    "a device": {"driver": "host_device", "filename": "/vm/device"},
    "raw": over("raw", file()),
    "qcow2": over("qcow2", file(), backing=None),
    "an old qcow2": over("qcow2", file("/vm/old"), backing=None),
    "a backed one": over("qcow2", file("/vm/backed"), backing=over("raw", file())),
    "a chain": over("qcow2", file(), backing=over("qcow2", file("/vm/backed"), backing=file())),
    "its data file": over("qcow2", file("/vm/split"), backing=None, **{"data-file": file()}),
    "other features": over("qcow2", file("/vm/dirty"), backing=None),
    "a new file": over("qcow2", file("/vm/new"), backing=None),
    "a short file": over("qcow2", file("/vm/short"), backing=None),
    "a node": over("raw", "mine"),
    "qcow2 over a node": over("qcow2", "mine", backing=None),
    "a node as backing": over("qcow2", "mine", backing="shifted"),
    "its own set": file("/dev/fdset/3"),
    "a node of its own set": over("raw", "set"),
    "quorum": {"driver": "quorum", "vote-threshold": 1, "children": [file(), "mine"]},
    "no children": {"driver": "quorum", "vote-threshold": 1, "children": []},
    "blkverify": {"driver": "blkverify", "test": file(), "raw": over("raw", file())},
    "nothing": {"driver": "null-co", "read-zeroes": True},
    "luks": over("luks", file(), **{"key-secret": "s"}),
    "common members": {**file(), "node-name": "a", "cache": {"direct": True}, "read-only": True},
    "deep": deep(limits.IMAGE_DEPTH),
}
OTHERS = ("vmdk", "vvfat", "blkdebug", "blkreplay", "blklogwrites", "nbd", "ssh", "nvme", "rbd")
UNCERTAIN: Mapping[str, JsonObject] = {
    "another folder": file("/etc/passwd"),
    "no driver": {"filename": "/vm/plain"},
    "no driver inside": over("raw", {"filename": "/vm/plain"}),
    "a driver that is no text": {"driver": 7, "filename": "/vm/plain"},
    "no filename": {"driver": "file"},
    "a filename that is no text": {"driver": "file", "filename": ["/vm/plain"]},
    "another folder, deep": over("raw", over("raw", over("raw", file("/etc/passwd")))),
    "no backing": over("qcow2", file()),
    "no backing, deep": over("raw", over("qcow2", file())),
    "no backing of qed": over("qed", file("/vm/qed")),
    "no backing of qcow": over("qcow", file()),
    "backing in another folder": over("qcow2", file(), backing=file("/etc/passwd")),
    "backing without backing": over("qcow2", file(), backing=over("qcow2", file())),
    "backing of raw": over("raw", file(), backing=None),
    "null inside": over("raw", None),
    "false as backing": over("qcow2", file(), backing=False),
    "a text as backing": over("qcow2", file(), backing=""),
    "a data file in the header": over("qcow2", file("/vm/split"), backing=None),
    "a data file behind a filter": over("qcow2", over("raw", file("/vm/split")), backing=None),
    "no look behind a filter": over("qcow2", over("raw", file()), backing=None),
    "a data file behind a node": over("qcow2", "my-split", backing=None),
    "no look behind a node": over("qcow2", "shifted", backing=None),
    "no look into a set": over("qcow2", file("/dev/fdset/3"), backing=None),
    "a data file elsewhere": over(
        "qcow2", file("/vm/split"), backing=None, **{"data-file": file("/etc/passwd")}
    ),
    "a foreign node": over("raw", "foreign"),
    "an unknown node": over("raw", "nothing"),
    "a foreign set": file("/dev/fdset/4"),
    "a node of a foreign set": over("raw", "foreign-set"),
    "a wrong set": file("/dev/fdset/03"),
    "one child": {"driver": "quorum", "children": [file(), file("/etc/passwd")]},
    "children that are no list": {"driver": "quorum", "children": file("/etc/passwd")},
    "raw of blkverify": {"driver": "blkverify", "test": file(), "raw": file("/etc/passwd")},
    "a member of nobody": file(config="/vm/plain"),
    "a member with a dot": {**file(), "file.filename": "/etc/passwd"},
    "a member in capitals": {**over("raw", file()), "File": file("/etc/passwd")},
    "header of luks": over("luks", file(), header=file("/etc/passwd")),
    "another driver's member": over("raw", file(), **{"data-file": file()}),
    **{
        f"the driver {driver}": {"driver": driver, "file": file(), "filename": "/vm/plain"}
        for driver in OTHERS
    },
    "underscores": {"driver": "host-device", "filename": "/vm/plain"},
    "too deep": deep(limits.IMAGE_DEPTH + 1),
}
UNJUDGED: Mapping[str, JsonObject] = {
    "json": file('json:{"driver": "null-co"}'),
    "a protocol": file("nbd:unix:/vm/socket"),
    "dots": file("/vm/../etc/passwd"),
    "a node of a text": over("raw", "whole"),
    "an unreadable image": over("qcow2", file("/vm/unreadable"), backing=None),
}


def failure(value: JsonValue, **beside: JsonValue) -> str | None:
    return image_failure(value, beside, "/vm", Facts())


@pytest.mark.parametrize("node", CERTAIN.values(), ids=CERTAIN)
def test_certain(node: JsonObject) -> None:
    assert failure(node) is None


@pytest.mark.parametrize("node", UNCERTAIN.values(), ids=UNCERTAIN)
def test_uncertain(node: JsonObject) -> None:
    found = failure(node)
    assert found is not None
    assert "expected" in found or "found" in found


@pytest.mark.parametrize("node", UNJUDGED.values(), ids=UNJUDGED)
def test_not_judged(node: JsonObject) -> None:
    with pytest.raises(ValueError, match="found"):
        failure(node)


def test_very_deep() -> None:
    """A limit is found, and no recursion of Python's."""
    assert failure(deep(5_000)) == "file: " * (limits.IMAGE_DEPTH + 1) + (
        f"found more than {limits.IMAGE_DEPTH} nodes inside one another"
    )


@pytest.mark.parametrize("value", [None, 7, True, [], [file()]])
def test_no_image(value: JsonValue) -> None:
    assert failure(value) == "found no block node, expected one"


# --- Texts of older commands

NAMES = [
    ("/vm/plain", "qcow2", True),
    ("/vm/plain", "raw", True),
    ("/vm/split", "raw", True),
    ("/vm/new", "qcow2", True),
    ("/vm/qed", "qed", True),
    ("/vm/plain", None, False),
    ("/vm/plain", 7, False),
    ("/vm/plain", "vmdk", False),
    ("/vm/plain", "Raw", False),
    ("/vm/backed", "qcow2", False),
    ("/vm/split", "qcow2", False),
    ("/vm/backed", "qcow", False),
    ("/vm/qed-backed", "qed", False),
    ("/etc/passwd", "raw", False),
    ("/etc/passwd", "qcow2", False),
    ("/dev/fdset/3", "raw", False),
]


@pytest.mark.parametrize(("name", "driver", "is_certain"), NAMES)
def test_name(name: str, driver: JsonValue, is_certain: bool) -> None:
    assert (failure(name, format=driver) is None) is is_certain


def test_heads() -> None:
    found = {path: names_files(head, "qcow2") for path, head in HEADS.items()}
    assert found == {
        **dict.fromkeys(HEADS),
        "/vm/backed": "a backing file",
        "/vm/split": "a data file",
    }
    assert [path for path, head in HEADS.items() if names_data_file(head)] == ["/vm/split"]
    assert names_files(b"", "qed") is None
    assert names_files(qcow2(version=2, features=4), "qcow2") is None  # there, it is something else


LEFT_TO_THE_IMAGE = [
    ("blockdev-add", over("qcow2", file()), True),
    ("blockdev-add", over("vmdk", file()), True),
    ("blockdev-add", over("raw", over("qcow2", file())), True),
    ("blockdev-add", over("qcow2", file(), backing=over("qed", file())), True),
    ("blockdev-add", {"driver": "quorum", "children": ["a", over("qcow2", "b")]}, True),
    ("blockdev-reopen", {"options": [over("qcow2", file())]}, True),
    ("blockdev-add", over("qcow2", file(), backing=None), False),
    ("blockdev-add", over("raw", file()), False),
    ("device_add", {"driver": "qcow2"}, False),
]


@pytest.mark.parametrize(("command", "arguments", "is_left"), LEFT_TO_THE_IMAGE)
def test_what_is_left_to_the_image(command: str, arguments: JsonObject, is_left: bool) -> None:
    assert (omission(command, arguments) is not None) is is_left


# --- The condition of a rule

TESTS = [
    ((), file(), True),
    ((), file("/etc/passwd"), False),
    (("target",), {"target": "/vm/new", "format": "raw"}, True),
    (("target",), {"target": "/vm/new"}, False),
    (("target",), {}, False),
    (("target",), {"target": None, "format": "raw"}, False),
    (("options", "*"), {"options": [file(), file()]}, True),
    (("options", "*"), {"options": [file(), file("/etc/passwd")]}, False),
    (("options", "*"), {"options": file()}, False),
    (("options", "*"), {"options": ["/vm/new"]}, False),
    (("a", "b"), {"a": {"b": "/vm/new", "format": "raw"}, "format": "qcow2"}, True),
    (("a", "b"), {"a": {"b": "/vm/new"}, "format": "raw"}, False),
    (("a", "b"), {"a": "text"}, False),
    (("a", "b"), {"a": 7}, False),
]


@pytest.mark.parametrize(("path", "arguments", "holds"), TESTS)
def test_condition(path: tuple[str, ...], arguments: JsonObject, holds: bool) -> None:
    test = ImageTest(path, ("/vm",))
    assert (test.failure(arguments, Facts()) is None) is holds


def test_one_of_some_folders() -> None:
    test = ImageTest((), ("/srv", "/vm"))
    assert test.failure(file(), Facts()) is None
    assert test.failure(file("/etc/passwd"), Facts()) is not None


def test_an_optional_image() -> None:
    test = ImageTest(("target",), ("/vm",), is_optional=True)
    assert test.failure({}, Facts()) is None
    assert test.failure({"target": None}, Facts()) is not None
    assert (test.covers_below, test.needs_nodes) == (True, True)
