"""QEMU's order of an object's members, which decides the fault that an error reports.

QEMU stores a parsed object in a hash table of 512 buckets. It walks the table bucket by bucket, the
newest member first in each, and reports the first fault. Unused members are then in a GLib hash
table that was filled in that order: QEMU reports the one in the lowest slot as unexpected.

Spec: QEMU 7.2, measured; the first hash is that of its QDict.
"""

from collections.abc import Iterable, Sequence

from qmpeer import limits
from qmpeer.messages.glib_table import GlibTable

_BUCKETS = 512
_MASK = 0xFFFFFFFF


def hash_order(name: str) -> int:
    """Return the bucket of a name, the sort key of members."""
    key = name.encode("utf-8", "surrogatepass").replace(b"\x00", b"\xc0\x80")
    value = 0x238F13AF * len(key)
    for index in range(min(len(key), 24)):  # the shifts repeat every 24 bytes
        value += sum(key[index::24]) << (index * 5 % 24)
    return (1103515243 * (value & _MASK) + 12345 & _MASK) % _BUCKETS


def in_qemu_order(names: Iterable[str]) -> list[str]:
    """Return member names in QEMU's order.

    [More than 4096 names, or 64 KiB of them, stay in the order of the text: sorting them would take
    longer than the command.]

    Args:
        names: The names in the order of the text.

    Example:
        >>> in_qemu_order(["zeta", "alpha", "m", "a", ""])
        ['', 'zeta', 'a', 'm', 'alpha']
    """
    names = list(names)
    if len(names) > limits.MEMBERS or sum(map(len, names)) > limits.MEMBER_NAMES:
        return names
    return sorted(reversed(names), key=hash_order)


def unexpected_member(names: Sequence[str], expected: Sequence[str]) -> str:
    """Return the unexpected member that QEMU's error would name.

    [QEMU makes the same choice for any size. Past 4096 members or 64 KiB of names the choice would
    take longer than the command, so we return the first in the order of the text.]

    Args:
        names: All members of the object, in the order of the text.
        expected: The members that were read, in that order; at least one of `names` isn't among
            them.
    """
    known = set(expected)
    unknown = [name for name in names if name not in known]
    if (
        len(unknown) == 1
        or len(names) > limits.MEMBERS
        or sum(map(len, names)) > limits.MEMBER_NAMES
    ):
        return unknown[0]
    table = GlibTable()
    for name in in_qemu_order(names):
        table.add(name)
    for name in expected:
        table.remove(name)
    return next(iter(table))
