"""Images: block nodes and image names whose files all lie under one folder.

A node passes if all of it is certain: it, and each node inside it, names its driver; the driver is
in the table below, and so is each of its members; each ``filename`` lies under the folder; where a
driver knows ``backing``, it is there, null or a node that passes. A reference to another node
passes if that node's file lies under the folder. A qcow2 image may have a further file for its
data, which its header names: without ``data-file`` in the arguments the header is looked at.

Older commands have only a text: the image's path. It passes if it lies under the folder, if the
format is given beside it, and if the image itself names no backing file and no data file.

Who may write to an image may write names into its header after it was looked at. An explicit
``backing`` has no such gap; a data file has one that only QEMU could close.

Spec: QAPI, BlockdevOptions.
"""

from collections.abc import Mapping
from typing import Final

from qmpeer import limits
from qmpeer.messages.strangers import shown_text
from qmpeer.policy.fd_sets import fd_set_of
from qmpeer.policy.image_headers import HEAD_SIZE, PLAIN_FORMATS, names_data_file, names_files
from qmpeer.policy.paths import under_failure
from qmpeer.policy.rules import Facts
from qmpeer.values import JsonObject, JsonValue

_COMMON: Final = frozenset(
    [
        "driver",
        "node-name",
        "discard",
        "cache",
        "read-only",
        "auto-read-only",
        "force-share",
        "detect-zeroes",
        "active",
    ]
)
_FILE: Final = frozenset(
    ["filename", "pr-manager", "locking", "aio", "aio-max-batch", "drop-cache", "stats"]
)
_QCOW2: Final = frozenset(
    [
        "file",
        "backing",
        "data-file",
        "encrypt",
        "lazy-refcounts",
        "pass-discard-request",
        "pass-discard-snapshot",
        "pass-discard-other",
        "discard-no-unref",
        "overlap-check",
        "cache-size",
        "l2-cache-size",
        "l2-cache-entry-size",
        "refcount-cache-size",
        "cache-clean-interval",
    ]
)
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "file": _FILE,
    "host_device": _FILE,
    "null-co": frozenset({"size", "latency-ns", "read-zeroes"}),
    "null-aio": frozenset({"size", "latency-ns", "read-zeroes"}),
    "raw": frozenset({"file", "offset", "size"}),
    "qcow2": _QCOW2,
    "qcow": frozenset({"file", "backing", "encrypt"}),
    "qed": frozenset({"file", "backing"}),
    "luks": frozenset({"file", "key-secret"}),
    "vdi": frozenset({"file"}),
    "vhdx": frozenset({"file"}),
    "vpc": frozenset({"file", "force-size-calc"}),
    "parallels": frozenset({"file"}),
    "preallocate": frozenset({"file", "prealloc-align", "prealloc-size"}),
    "compress": frozenset({"file"}),
    "snapshot-access": frozenset({"file"}),
    "throttle": frozenset({"file", "throttle-group"}),
    "copy-on-read": frozenset({"file", "bottom"}),
    "copy-before-write": frozenset(
        {"file", "target", "bitmap", "on-cbw-error", "cbw-timeout", "min-cluster-size"}
    ),
    "quorum": frozenset(
        {"blkverify", "children", "vote-threshold", "rewrite-corrupted", "read-pattern"}
    ),
    "blkverify": frozenset({"test", "raw"}),
}
"""The drivers that open only what their reviewed members name, with these members."""

_CHILDREN: Final = frozenset(["file", "backing", "data-file", "target", "children", "test", "raw"])
_BACKED: Final = frozenset({"qcow2", "qcow", "qed"})
_PROTOCOLS: Final = ("file", "host_device")

_NODE_COMMANDS: Final = ("blockdev-add", "blockdev-reopen", "x-blockdev-reopen")
"""Commands whose arguments are block nodes."""


def image_failure(value: JsonValue, container: JsonObject, folder: str, facts: Facts) -> str | None:
    """Return why an image isn't certain to lie under a folder: "found …, expected …", or None.

    Args:
        value: The block node, or the text of an older command.
        container: The object that has it, in which the format of a text is looked for.
        folder: The folder.
        facts: Answers about files and nodes.

    Raises:
        ValueError: If that can't be judged, with the reason.
    """
    if isinstance(value, str):
        return _name_failure(value, container.get("format"), folder, facts)
    return _Image(folder, facts).failure(value)


def omission(command: str, arguments: JsonObject) -> str | None:
    """Return what a command leaves for QEMU to read from an image; None for nothing.

    Example:
        >>> omission("blockdev-add", {"driver": "qcow2", "file": "a", "backing": None})
        >>> print(omission("blockdev-add", {"driver": "raw", "file": {"driver": "qcow2"}}))
        found qcow2 without backing, expected null or a node: QEMU would read it from the image
    """
    left: list[JsonValue] = [arguments] if command in _NODE_COMMANDS else []
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value.values()
            driver = value.get("driver")
            if driver in (*_BACKED, "vmdk") and "backing" not in value:
                return (
                    f"found {driver} without backing, expected null or a node: "
                    "QEMU would read it from the image"
                )
    return None


def _name_failure(name: str, driver: JsonValue, folder: str, facts: Facts) -> str | None:
    """Return why an image's name isn't certain."""
    if not isinstance(driver, str):
        return "found no format, expected one: QEMU would guess it from the image"
    if driver not in PLAIN_FORMATS and driver not in _BACKED:
        known = _listed(PLAIN_FORMATS | _BACKED)
        return f"found the format {_shown(driver)}, expected one of {known}"
    failure = under_failure(name, folder, facts)
    if failure is not None or driver in PLAIN_FORMATS:
        return failure
    head = facts.head(name, HEAD_SIZE)
    named = None if head is None else names_files(head, driver)
    if named is not None:
        return f"found an image that names {named}, expected none"
    return None


class _Image:
    """The judgement of one tree of block nodes."""

    __slots__ = ("_facts", "_folder")

    def __init__(self, folder: str, facts: Facts) -> None:
        self._folder = folder
        self._facts = facts

    def failure(self, node: JsonValue, depth: int = 0) -> str | None:
        """Return why a node isn't certain, with the way to what is wrong in it."""
        if depth > limits.IMAGE_DEPTH:
            return f"found more than {limits.IMAGE_DEPTH} nodes inside one another"
        if isinstance(node, str):
            return self._reference_failure(node)
        if not isinstance(node, dict):
            return "found no block node, expected one"
        driver = node.get("driver")
        if not isinstance(driver, str):
            return "found no driver, expected one"
        known = _MEMBERS.get(driver)
        if known is None:
            return f"found the driver {_shown(driver)}, expected one of {_listed(_MEMBERS)}"
        for member in node:
            if member not in known and member not in _COMMON:
                return f"found the member {_shown(member)}, which {driver} isn't known to have"
        if driver in _BACKED and "backing" not in node:
            return "found no backing, expected null or a node: QEMU would read it from the image"
        if "filename" in known:
            return _at("filename", self._file_failure(node.get("filename")))
        for member in sorted(_CHILDREN & node.keys()):
            failure = self._child_failure(member, node[member], depth)
            if failure is not None:
                return failure
        return self._data_file_failure(node) if driver == "qcow2" else None

    def _child_failure(self, member: str, child: JsonValue, depth: int) -> str | None:
        if child is None and member == "backing":
            return None
        if member == "children" and isinstance(child, list):
            failures = (self.failure(each, depth + 1) for each in child)
            return _at(member, next((each for each in failures if each is not None), None))
        return _at(member, self.failure(child, depth + 1))

    def _file_failure(self, name: JsonValue) -> str | None:
        number = fd_set_of(name)
        if number is None:
            return under_failure(name, self._folder, self._facts)
        if self._facts.owns_fd_set(number):
            return None
        return f"found {_shown(str(name))}, expected a set of descriptors of this client"

    def _reference_failure(self, name: str) -> str | None:
        file = self._facts.node_file(name)
        # The text doesn't tell the file: who asks may not know it.
        failure = f"found the node {_shown(name)}, expected one with a file under {self._folder}"
        try:
            is_certain = file is not None and self._file_failure(file) is None
        except ValueError as error:
            raise ValueError(failure) from error
        return None if is_certain else failure

    def _data_file_failure(self, node: JsonObject) -> str | None:
        if "data-file" in node:
            return None
        path = self._file_of(node.get("file"))
        if path is None or fd_set_of(path) is not None:
            return "found no data-file beside a file that can't be looked at for the name of one"
        if names_data_file(self._facts.head(path, HEAD_SIZE) or b""):
            return "found an image that names a data file, expected data-file beside it"
        return None

    def _file_of(self, node: JsonValue) -> str | None:
        """Return the file in which a node of the simplest kind has its first bytes."""
        if isinstance(node, str):
            is_file = self._facts.node_driver(node) in _PROTOCOLS
            return self._facts.node_file(node) if is_file else None
        if isinstance(node, dict) and node.get("driver") in _PROTOCOLS:
            name = node.get("filename")
            return name if isinstance(name, str) else None
        return None


def _at(member: str, failure: str | None) -> str | None:
    return None if failure is None else f"{member}: {failure}"


def _listed(names: Mapping[str, object] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _shown(text: str) -> str:
    return f'"{shown_text(text)}"'
