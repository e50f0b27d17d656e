"""The answers of QEMU 7.2 to a sequence of blockdev-add and blockdev-del on one machine.

Each entry has the arguments and the error's description, None for success. An entry with only a
node name is a blockdev-del.
"""

from typing import Any

NULL = {"driver": "null-co"}
DEBUG = {"driver": "blkdebug"}
UNMAP = "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap"
NEGATIVE = "Parameter 'align' expects a non-negative number below 2^64"


def null(name: str, **more: Any) -> dict[str, Any]:
    return {**NULL, "node-name": name, **_dashed(more)}


def debug(name: str, image: Any = NULL, **more: Any) -> dict[str, Any]:
    return {**DEBUG, "node-name": name, "image": image, **_dashed(more)}


def _dashed(members: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in members.items()}


CONVERSATION: list[tuple[dict[str, Any] | str, str | None]] = [
    # The form of the arguments
    ({}, "Parameter 'driver' is missing"),
    ({"driver": "nope"}, "Parameter 'driver' does not accept value 'nope'"),
    ({"driver": 1}, "Invalid parameter type for 'driver', expected: string"),
    ({"node-name": 1}, "Parameter 'driver' is missing"),
    (NULL, "'node-name' must be specified for the root node"),
    ({**NULL, "zz": 1}, "Parameter 'zz' is unexpected"),
    ({**NULL, "node-name": 1}, "Invalid parameter type for 'node-name', expected: string"),
    (null("n", cache=1), "Invalid parameter type for 'cache', expected: object"),
    (null("n", cache={"x": 1}), "Parameter 'cache.x' is unexpected"),
    (null("n", detect_zeroes="x"), "Parameter 'detect-zeroes' does not accept value 'x'"),
    (null("n", discard=1), "Invalid parameter type for 'discard', expected: string"),
    (null("n", read_only=1), "Invalid parameter type for 'read-only', expected: boolean"),
    (null("n", read_zeroes="x"), "Invalid parameter type for 'read-zeroes', expected: boolean"),
    (null("n", size=1.5), "Invalid parameter type for 'size', expected: integer"),
    (null("n", latency_ns="x"), "Parameter 'latency-ns' expects uint64"),
    ({**DEBUG, "node-name": "b"}, "Parameter 'image' is missing"),
    (debug("b", 1), "Invalid parameter type for 'image', expected: BlockdevRef"),
    (debug("b", None), "Invalid parameter type for 'image', expected: BlockdevRef"),
    (debug("b", {}), "Parameter 'image.driver' is missing"),
    (debug("b", {"driver": "nope"}), "Parameter 'driver' does not accept value 'nope'"),
    (debug("b", {**NULL, "zz": 1}), "Parameter 'image.zz' is unexpected"),
    (
        debug("b", {**DEBUG, "image": {**NULL, "cache": {"direct": 1}}}),
        "Invalid parameter type for 'image.image.cache.direct', expected: boolean",
    ),
    (debug("b", config=1), "Invalid parameter type for 'config', expected: string"),
    (debug("b", inject_error=1), "Invalid parameter type for 'inject-error', expected: array"),
    (debug("b", inject_error=[{}]), "Parameter 'inject-error[0].event' is missing"),
    (
        debug("b", inject_error=[{"event": "nope"}]),
        "Parameter 'event' does not accept value 'nope'",
    ),
    (
        debug("b", inject_error=[{"event": "read_aio", "once": 1}]),
        "Invalid parameter type for 'inject-error[0].once', expected: boolean",
    ),
    (
        debug("b", set_state=[{"event": "read_aio"}]),
        "Parameter 'set-state[0].new_state' is missing",
    ),
    (
        debug("b", take_child_perms=["write"], unshare_child_perms=["nope"]),
        "Parameter 'null' does not accept value 'nope'",
    ),
    # Names
    (null(""), "Invalid node-name: ''"),
    (null("#x"), "Invalid node-name: '#x'"),
    (null("1x"), "Invalid node-name: '1x'"),
    (null("_x"), "Invalid node-name: '_x'"),
    (null("x y"), "Invalid node-name: 'x y'"),
    (null("é"), "Invalid node-name: 'é'"),
    (null("a" * 32), "Node name too long"),
    (null("a.b-c_d"), None),
    (null("n0", size=1048576), None),
    (null("n0"), "Duplicate nodes with node-name='n0'"),
    (null("n0", latency_ns=-1), "Duplicate nodes with node-name='n0'"),
    (debug("n0", config="/nonexistent/x"), "Duplicate nodes with node-name='n0'"),
    (debug("x1", null("x1")), "Duplicate nodes with node-name='x1'"),
    (debug("b0", null("n0")), "Duplicate nodes with node-name='n0'"),
    # Values that depend on each other
    (null("1x", detect_zeroes="unmap"), UNMAP),
    (
        null("n4", force_share=True, detect_zeroes="unmap"),
        "force-share=on can only be used with read-only images",
    ),
    (null("n4", latency_ns=-1), "latency-ns is invalid"),
    (null("n5", latency_ns=2**63 - 1), None),
    (null("n7", size=2**63 - 1), "Could not refresh total sector count: File too large"),
    (null("n1", discard="unmap", detect_zeroes="unmap", cache={"direct": True}), None),
    (null("n2", force_share=True, read_only=True), None),
    # Images
    (debug("b0", "nope"), "Cannot find device='nope' nor node-name='nope'"),
    (debug("b0", "nope", align=3), "Cannot find device='nope' nor node-name='nope'"),
    (debug("b0", "b0"), "Making 'b0' a image child of 'b0' would create a cycle"),
    (
        debug("b0", "nope", config="/nonexistent/x"),
        "Could not read blkdebug config file: No such file or directory",
    ),
    (debug("b0", "n0"), None),
    (debug("b1", null("i1")), None),
    (debug("b2"), None),
    (debug("b3", "b2"), None),
    (debug("b4", "n0"), None),
    # Limits of requests
    (debug("c", "n0", align=3), "Cannot meet constraints with align 3"),
    (debug("c", "n0", align=-1), NEGATIVE),
    (debug("c", "n0", align=2**31), f"Cannot meet constraints with align {2**31}"),
    (debug("c", "n0", align=512, max_transfer=1), "Cannot meet constraints with max-transfer 1"),
    (
        debug("c", "n0", opt_write_zero=3, max_write_zero=5),
        "Cannot meet constraints with max-write-zero 5",
    ),
    (debug("c1", "n0", align=512, max_transfer=1024), None),
    (debug("c2", "n0", opt_discard=5, max_discard=10), None),
    # Deleting
    ("nope", "Failed to find node with node-name='nope'"),
    ("", "Failed to find node with node-name=''"),
    ("n0", "Block device n0 is in use"),
    ("i1", "Node i1 is not owned by the monitor"),
    ("b1", None),
    ("i1", "Failed to find node with node-name='i1'"),
    ("b2", "Block device b2 is in use"),
    ("b3", None),
    ("b2", None),
]
