"""The arguments of blockdev-add: what a block node is to be.

Spec: QAPI, BlockdevOptions with the drivers null-co and blkdebug. Members are read in the order of
their declaration.
"""

from typing import Literal, TypeAlias, cast

import msgspec

from qmpeer.machine.unions import branch_reader, read_refusing, union_reader
from qmpeer.monitor import Int32, UInt64
from qmpeer.monitor.readers import Reader, alternate_reader
from qmpeer.values import JsonObject, JsonValue

BlkdebugEvent: TypeAlias = Literal[
    "l1_update", "l1_grow_alloc_table", "l1_grow_write_table", "l1_grow_activate_table",
    "l2_load", "l2_update", "l2_update_compressed", "l2_alloc_cow_read", "l2_alloc_write",
    "read_aio", "read_backing_aio", "read_compressed", "write_aio", "write_compressed",
    "vmstate_load", "vmstate_save", "cow_read", "cow_write", "reftable_load", "reftable_grow",
    "reftable_update", "refblock_load", "refblock_update", "refblock_update_part",
    "refblock_alloc", "refblock_alloc_hookup", "refblock_alloc_write",
    "refblock_alloc_write_blocks", "refblock_alloc_write_table", "refblock_alloc_switch_table",
    "cluster_alloc", "cluster_alloc_bytes", "cluster_free", "flush_to_os", "flush_to_disk",
    "pwritev_rmw_head", "pwritev_rmw_after_head", "pwritev_rmw_tail", "pwritev_rmw_after_tail",
    "pwritev", "pwritev_zero", "pwritev_done", "empty_image_prepare", "l1_shrink_write_table",
    "l1_shrink_free_l2_clusters", "cor_write", "cluster_alloc_space", "none",
]  # fmt: skip
RequestKind: TypeAlias = Literal[
    "read", "write", "write-zeroes", "discard", "flush", "block-status"
]
Permission: TypeAlias = Literal["consistent-read", "write", "write-unchanged", "resize"]


class CacheOptions(msgspec.Struct, kw_only=True, frozen=True):
    """Say how a node uses the host's cache."""

    direct: bool | None = None
    no_flush: bool | None = None


class InjectError(msgspec.Struct, kw_only=True, frozen=True):
    """Be a rule of blkdebug: let requests fail."""

    event: BlkdebugEvent
    state: int | None = None
    iotype: RequestKind | None = None
    errno: int | None = None
    sector: int | None = None
    once: bool | None = None
    immediately: bool | None = None


class SetState(msgspec.Struct, kw_only=True, frozen=True):
    """Be a rule of blkdebug: change the state that other rules ask for."""

    event: BlkdebugEvent
    state: int | None = None
    next_state: int = msgspec.field(name="new_state")


class BlockdevOptions(msgspec.Struct, kw_only=True, frozen=True):
    """Hold what every driver takes."""

    driver: str
    node_name: str | None = None
    discard: Literal["ignore", "unmap"] | None = None
    cache: CacheOptions | None = None
    read_only: bool | None = None
    auto_read_only: bool | None = None
    force_share: bool | None = None
    detect_zeroes: Literal["off", "on", "unmap"] | None = None


class NullCoOptions(BlockdevOptions, kw_only=True, frozen=True):
    """Hold what null-co takes: size in bytes, latency of each request in nanoseconds."""

    size: int | None = None
    latency_ns: UInt64 | None = None
    read_zeroes: bool | None = None


class BlkdebugOptions(BlockdevOptions, kw_only=True, frozen=True):
    """Hold what blkdebug takes: the node beneath, by its name or its own options, and rules."""

    image: BlockdevOptions | str
    config: str | None = None
    align: int | None = None
    max_transfer: Int32 | None = None
    opt_write_zero: Int32 | None = None
    max_write_zero: Int32 | None = None
    opt_discard: Int32 | None = None
    max_discard: Int32 | None = None
    inject_error: list[InjectError] | None = None
    set_state: list[SetState] | None = None
    take_child_perms: list[Permission] | None = None
    unshare_child_perms: list[Permission] | None = None


def read_blockdev_options(arguments: JsonObject) -> BlockdevOptions:
    """Read the arguments of blockdev-add.

    Raises:
        CommandError: If they describe no node, in QEMU's words.
    """
    return cast(BlockdevOptions, read_refusing(_read_options, arguments))


def _make_reader() -> Reader:
    def read_image(value: JsonValue) -> object:
        return read_reference(value)

    branches = {
        "null-co": branch_reader(NullCoOptions),
        "blkdebug": branch_reader(BlkdebugOptions, image=read_image),
    }
    read_options = union_reader("driver", branches)
    read_reference = alternate_reader({str: str, dict: read_options}, "BlockdevRef")
    return read_options


_read_options = _make_reader()
