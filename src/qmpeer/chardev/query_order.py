"""The order in which query-chardev lists devices.

It follows from how QEMU keeps them, in a hash table by label, and doesn't depend on much else than
the labels. Nobody should count on it; programs that compare whole answers do.

Spec: QEMU keeps its devices in a GLib hash table, whose open addressing is public: djb2 of the
label, times 11, modulo a prime next to the size, triangular probing, slots of removed ones used
again, resized in place when it is full or nearly empty. The list is its reverse.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

_PRIMES: Final = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749)
_LEAST_SHIFT: Final = 3


class _Mark(Enum):
    REMOVED = "where a label was"


_Slot = str | _Mark | None
_Reached = dict[int, tuple[int, int]]
"""For each home, at which place and step probing from there has found room last."""


class QueryOrder:
    """Keep labels in the slots in which QEMU would have them."""

    def __init__(self) -> None:
        self._shift = _LEAST_SHIFT
        self._slots: list[_Slot] = [None] * (1 << _LEAST_SHIFT)
        self._count = 0
        self._used = 0
        self._reached = _Reached()

    def add(self, label: str) -> None:
        """Add a label that isn't there."""
        place = self._room(label, self._reached, lambda at: isinstance(self._slots[at], str))
        self._used += self._slots[place] is None
        self._slots[place] = label
        self._count += 1
        self._resize()

    def remove(self, label: str) -> None:
        """Remove one that is."""
        self._slots[self._slots.index(label)] = _Mark.REMOVED
        self._reached.clear()
        self._count -= 1
        self._resize()

    def labels(self) -> list[str]:
        """Return the labels as query-chardev lists them."""
        return [label for label in reversed(self._slots) if isinstance(label, str)]

    def _home(self, label: str) -> int:
        return (_hash(label) * 11 & 0xFFFF_FFFF) % _PRIMES[self._shift]

    def _room(self, label: str, reached: _Reached, is_taken: Callable[[int], bool]) -> int:
        """Return the first place for a label that isn't taken.

        What was found taken must stay so as long as `reached` is used: labels that share a home
        would else go the same way again and again.
        """
        home, mask = self._home(label), (1 << self._shift) - 1
        at, step = reached.get(home, (home, 1))
        while is_taken(at):
            at, step = (at + step) & mask, step + 1
        reached[home] = at, step
        return at

    def _resize(self) -> None:
        size = len(self._slots)
        is_sparse = size > self._count * 4 and size > 1 << _LEAST_SHIFT
        is_full = size <= self._used + self._used // 16
        if not (is_sparse or is_full):
            return
        wanted = int(self._count * 1.333).bit_length()
        self._shift = min(max(_LEAST_SHIFT, wanted), len(_PRIMES) - 1)
        self._settle()
        self._used = self._count
        self._reached.clear()

    def _settle(self) -> None:
        """Move all labels to where they belong, in place: each evicts whom it finds there."""
        new_size = 1 << self._shift
        slots = self._slots
        slots.extend([None] * (new_size - len(slots)))
        is_settled = [False] * len(slots)
        reached = _Reached()
        for place, found in enumerate(slots):
            if is_settled[place]:
                continue
            slots[place] = None
            moving = found if isinstance(found, str) else None
            while moving is not None:
                at = self._room(moving, reached, is_settled.__getitem__)
                is_settled[at] = True
                evicted, slots[at] = slots[at], moving
                moving = evicted if isinstance(evicted, str) else None
        del slots[new_size:]


def _hash(label: str) -> int:
    value = 5381
    for byte in label.encode("utf-8", "surrogateescape"):
        value = (value * 33 + (byte - 256 if byte > 127 else byte)) & 0xFFFF_FFFF
    return max(value, 2)
