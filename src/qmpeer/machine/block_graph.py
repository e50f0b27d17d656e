"""The graph of block nodes that blockdev-add creates.

There are two drivers: ``null-co``, which stores nothing, and ``blkdebug``, a filter over another
node. No guest reads or writes here, so a node consists of its options, its name and its image.
The rules of blkdebug are read, but never fire.

Spec: QEMU, blockdev-add and blockdev-del: the order of the checks and their error texts. A node is
named before its driver opens it. If opening fails, nodes opened beneath it are deleted again.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.messages import qemu_texts

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_DEFAULT_SIZE: Final = 2**30
_LARGEST_IMAGE: Final = 2**63 - 2**30
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SECTOR: Final = 512
_LONGEST_LATENCY: Final = 2**63 - 1
_INT_MAX: Final = 2**31 - 1

Options: TypeAlias = Mapping[str, Any]
"""A BlockdevOptions of the schema; the monitor has validated it."""

ReadConfig = Callable[[str], None]
"""Reads the configuration file of blkdebug at a path; may block. Raises CommandError."""


class BlockNode(msgspec.Struct, eq=False):
    """One block node.

    Attributes:
        image: The node beneath it; None for null-co.
        parents: The number of nodes on top of it.
        is_owned_by_monitor: True if it was the outermost node of a blockdev-add, so that
            blockdev-del may delete it.
        alignment: The smallest unit of its requests, in bytes.
        is_read_only: True if it can't be written.
        size: Its size in bytes.
    """

    name: str
    driver: str
    is_owned_by_monitor: bool
    image: "BlockNode | None" = None
    parents: int = 0
    alignment: int = 1
    is_read_only: bool = False
    size: int = _DEFAULT_SIZE

    @property
    def filename(self) -> str:
        """The text that QEMU shows in place of a file name."""
        filters, node = 0, self
        while node.image is not None:
            filters, node = filters + 1, node.image
        return "blkdebug::" * filters + "null-co://"

    @property
    def described(self) -> str:
        """The lines of ``info block -v`` about its image."""
        size = -(-self.size // _SECTOR) * _SECTOR  # rounded up to whole sectors, as QEMU does
        disk = "0 B" if self.image is None else "unavailable"
        return (
            f"image: {self.filename}\nfile format: {self.driver}\n"
            f"virtual size: {_human_size(size)} ({size} bytes)\ndisk size: {disk}\n"
        )


class BlockGraph:
    """All block nodes, by name."""

    def __init__(self, read_config: ReadConfig) -> None:
        self._nodes: dict[str, BlockNode] = {}
        self._read_config = read_config
        self._numbers = itertools.count(1)

    @property
    def names(self) -> list[str]:
        """The names of all nodes, in order of creation."""
        return list(self._nodes)

    @property
    def first_writable(self) -> str | None:
        """The name of the oldest writable node without a parent; None if there is none."""
        for node in self._nodes.values():
            if node.is_owned_by_monitor and not node.parents and not node.is_read_only:
                return node.name
        return None

    def describe(self, name: str, *, verbose: bool = False) -> str:
        """Describe a node for people, as ``info block`` does.

        Spec: QEMU's layout. [In QEMU the text in place of a file name shows options of the node.]
        """
        node = self._nodes[name]
        details = f"{node.driver}, read-only" if node.is_read_only else node.driver
        text = f"{name}: {node.filename} ({details})\n    Cache mode:       writeback\n"
        if not verbose:
            return text
        beneath: BlockNode | None = node
        images = ""
        while beneath is not None:
            images += beneath.described
            beneath = beneath.image
        return f"{text}\nImages:\n{images}"

    def add(self, options: Options) -> None:
        """Create a node, and the nodes that its options describe inline.

        Raises:
            CommandError: If one can't be created; then the graph is unchanged.
        """
        if "node-name" not in options:
            raise _refused("'node-name' must be specified for the root node")
        self._open(options, is_root=True)

    def delete(self, node_name: str) -> None:
        """Delete a node, and the nodes beneath it that nothing else uses.

        Raises:
            CommandError: If there is no such node, or if it can't be deleted.
        """
        node = self._nodes.get(node_name)
        if node is None:
            raise _refused(f"Failed to find node with node-name='{node_name}'")
        if not node.is_owned_by_monitor:
            raise _refused(f"Node {node_name} is not owned by the monitor")
        if node.parents:
            raise _refused(f"Block device {node_name} is in use")
        node.is_owned_by_monitor = False
        self._release(node)

    def _open(self, options: Options, *, is_root: bool) -> BlockNode:
        _check_common(options)
        node = self._named(options)
        try:
            if options["driver"] == "null-co":
                _check_null(options)
            else:
                self._open_blkdebug(node, options)
        except BaseException:
            self._release(node)
            raise
        node.is_owned_by_monitor = is_root
        return node

    def _named(self, options: Options) -> BlockNode:
        name: str | None = options.get("node-name")
        if name is None:
            name = f"#block{next(self._numbers):03}"
        elif not _NAME.fullmatch(name):
            raise _refused(f"Invalid node-name: '{name}'")
        if name in self._nodes:
            raise _refused(f"Duplicate nodes with node-name='{name}'")
        if len(name) > limits.NODE_NAME:
            raise _refused("Node name too long")
        if len(self._nodes) >= limits.BLOCK_NODES:
            raise _refused(f"there are {limits.BLOCK_NODES} block nodes already")
        node = BlockNode(
            name,
            options["driver"],
            is_owned_by_monitor=False,
            is_read_only=bool(options.get("read-only")),
            size=options.get("size", _DEFAULT_SIZE),
        )
        self._nodes[name] = node
        return node

    def _open_blkdebug(self, node: BlockNode, options: Options) -> None:
        if "config" in options:
            self._read_config(options["config"])
        image = options["image"]
        if isinstance(image, str):
            beneath = self._find(image, above=node)
        else:
            beneath = self._open(image, is_root=False)
        beneath.parents += 1  # before any check that may fail: _release() counts it down again
        node.image = beneath
        node.size = beneath.size
        node.alignment = _check_alignments(options, beneath.alignment)

    def _find(self, name: str, *, above: BlockNode) -> BlockNode:
        found = self._nodes.get(name)
        if found is None:
            raise _refused(f"Cannot find device='{name}' nor node-name='{name}'")
        if found is above:
            raise _refused(f"Making '{name}' a image child of '{name}' would create a cycle")
        return found

    def _release(self, node: BlockNode) -> None:
        """Delete a node that has no owner and no parents; then likewise the nodes beneath it."""
        while not node.is_owned_by_monitor and not node.parents:
            del self._nodes[node.name]
            if node.image is None:
                return
            node = node.image
            node.parents -= 1


def _human_size(size: int) -> str:
    """Format a size with three digits, as QEMU does."""
    number, unit = float(size), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1024
        unit += 1
    return f"{number:.3g} {_UNITS[unit]}"


def _check_common(options: Options) -> None:
    if options.get("force-share") and not options.get("read-only"):
        raise _refused("force-share=on can only be used with read-only images")
    if options.get("detect-zeroes") == "unmap" and options.get("discard") != "unmap":
        raise _refused(
            "setting detect-zeroes to unmap is not allowed without setting discard operation"
            " to unmap"
        )


def _check_null(options: Options) -> None:
    size: int = options.get("size", 0)
    if size < 0:  # [QEMU 7.2 aborts here]
        raise _negative("size")
    latency: int = options.get("latency-ns", 0)
    if not 0 <= latency <= _LONGEST_LATENCY:  # a negative uint64 is its two's complement
        raise _refused("latency-ns is invalid")
    if size > _LARGEST_IMAGE:
        raise _refused("Could not refresh total sector count: File too large")


def _check_alignments(options: Options, beneath: int) -> int:
    """Check blkdebug's limits against each other, and return the resulting alignment.

    Spec: QEMU, blkdebug: each limit is a multiple of the alignment, the maximum of a pair is a
    multiple of the preferred value, and all are below 2^31 - 1.
    """
    align = _limit("align", options, 1)
    if align & (align - 1):
        raise _refused(f"Cannot meet constraints with align {align}")
    align = max(align, beneath)
    _limit("max-transfer", options, align)
    preferred = _limit("opt-write-zero", options, align)
    _limit("max-write-zero", options, max(preferred, align))
    preferred = _limit("opt-discard", options, align)
    _limit("max-discard", options, max(preferred, align))
    return align


def _limit(name: str, options: Options, unit: int) -> int:
    value: int = options.get(name, 0)
    if value < 0:
        raise _negative(name)
    if value >= _INT_MAX or value % unit:
        raise _refused(f"Cannot meet constraints with {name} {value}")
    return value


def _negative(name: str) -> CommandError:
    return _refused(qemu_texts.expects(name, "a non-negative number below 2^64"))


def _refused(reason: str) -> CommandError:
    return CommandError("GenericError", reason)
