"""The order in which QEMU walks an object's members.

QEMU keeps an object in a hash table of 512 buckets and walks it bucket by bucket, the newest member
first in each. It shows where several things are wrong at once: the first on the walk is reported.

Spec: QEMU 7.2, measured; the hash is that of its QDict.
"""

from collections.abc import Iterable

from qmpeer import limits

_BUCKETS = 512
_MASK = 0xFFFFFFFF


def hash_order(name: str) -> int:
    """Return the bucket of a name, by which members are sorted."""
    key = name.encode("utf-8", "surrogatepass").replace(b"\x00", b"\xc0\x80")
    value = 0x238F13AF * len(key)
    for index in range(min(len(key), 24)):  # the shifts come round every 24 bytes
        value += sum(key[index::24]) << (index * 5 % 24)
    return (1103515243 * (value & _MASK) + 12345 & _MASK) % _BUCKETS


def walk(names: Iterable[str]) -> list[str]:
    """Return member names in QEMU's order.

    [More than 4096 names, or 64 KiB of them, stay in the order of the text: to sort them would cost
    more than the command.]

    Args:
        names: The names in the order in which they stood in the text.

    Example:
        >>> walk(["zeta", "alpha", "m", "a", ""])
        ['', 'zeta', 'a', 'm', 'alpha']
    """
    names = list(names)
    if len(names) > limits.MEMBERS or sum(map(len, names)) > limits.MEMBER_NAMES:
        return names
    return sorted(reversed(names), key=hash_order)
