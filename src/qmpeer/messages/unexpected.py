"""Which of several unexpected members QEMU reports.

An error names one. QEMU keeps the members that nobody has read yet in a hash table of GLib's, and
names the one in the table's lowest slot. So what is named depends on everything that was in the
table, on what was taken out of it, and on the order in which it was filled, which is the order of
the parsed object. This module keeps such a table of names.

Spec: the slots follow GLib 2.74: the hash is that of g_str_hash; the slot is 11 times the hash,
modulo the largest prime that fits; collisions move on by 1, 2, 3, … slots; a full table is moved
within itself, each name it meets in its new place being moved next.
"""

from collections.abc import Container, Iterator, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.messages.order import walk

__all__ = ["unexpected_member"]

_MODULI: Final = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191)
_SMALLEST: Final = 3  # log2 of the number of slots that a table has at least
_REMOVED: Final = None


def unexpected_member(names: Sequence[str], expected: Sequence[str]) -> str:
    """Choose the member that the error names.

    [QEMU makes the same choice whatever the size; past 4096 members or 64 KiB of names, where the
    choice would cost more than the command, we take the first in the order of the input.]

    Args:
        names: All members of the object, in the order in which they came.
        expected: Those that were read, in the order in which they were; one at least is missing.
    """
    known = set(expected)
    unknown = [name for name in names if name not in known]
    if (
        len(unknown) == 1
        or len(names) > limits.MEMBERS
        or sum(map(len, names)) > limits.MEMBER_NAMES
    ):
        return unknown[0]
    table = _Table()
    for name in walk(names):
        table.add(name)
    for name in expected:
        table.remove(name)
    return table.first()


def _string_hash(name: str) -> int:
    value = 5381
    for byte in _modified_utf8(name):
        value = value * 33 + (byte if byte < 0x80 else byte - 0x100) & 0xFFFFFFFF
    return max(value, 2)  # 0 and 1 mark slots that are empty and that were emptied


def _modified_utf8(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


class _Table:
    """Slots: a name with its hash, _REMOVED where a name was, or nothing at all (no key)."""

    def __init__(self) -> None:
        self._slots: dict[int, tuple[str, int] | None] = {}
        self._shift = _SMALLEST
        self._names = 0

    def add(self, name: str) -> None:
        """Put a name in. None is ever added after one was removed."""
        entry = (name, _string_hash(name))
        self._slots[self._free_slot(entry[1], self._slots)] = entry
        self._names += 1
        self._fit()

    def remove(self, name: str) -> None:
        """Take a name out; its slot stays marked until the table is moved."""
        value = _string_hash(name)
        for slot in self._probe(value):
            if self._slots[slot] == (name, value):
                self._slots[slot] = _REMOVED
                break
        self._names -= 1
        self._fit()

    def first(self) -> str:
        """Give the name in the lowest slot."""
        return min((slot, entry[0]) for slot, entry in self._slots.items() if entry)[1]

    def _probe(self, value: int) -> Iterator[int]:
        slot = (value * 11 & 0xFFFFFFFF) % _MODULI[self._shift]
        step = 0
        while True:
            yield slot
            step += 1
            slot = (slot + step) & ((1 << self._shift) - 1)

    def _free_slot(self, value: int, taken: Container[int]) -> int:
        return next(slot for slot in self._probe(value) if slot not in taken)

    def _fit(self) -> None:
        size, used = 1 << self._shift, len(self._slots)
        if size > max(self._names * 4, 1 << _SMALLEST) or size <= used + used // 16:
            self._shift = max(int(self._names * 1.333).bit_length(), _SMALLEST)
            self._move(size)

    def _move(self, old_size: int) -> None:
        old, moved = self._slots, dict[int, tuple[str, int] | None]()
        for slot in range(old_size):
            entry = old.pop(slot, None)
            while entry:
                target = self._free_slot(entry[1], moved)
                moved[target] = entry
                entry = old.pop(target, None)
        self._slots = moved
