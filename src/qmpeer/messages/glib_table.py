"""A model of GLib's hash table of names, whose slots decide the order of some answers.

QEMU takes the name of an unexpected member, and the order of its character devices, from such a
table. So the order depends on all names ever added, on those removed, and on the order of adding.
Nobody should rely on it, but programs that compare whole answers do.

Spec: GLib 2.74: djb2 of the name, times 11, modulo the largest prime that fits; triangular probing;
slots of removed names reused; resized in place when full or nearly empty, where a name that
occupies another's new slot is moved next.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

_PRIMES: Final = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749)
_LEAST_SHIFT: Final = 3  # log2 of the least number of slots


class _Mark(Enum):
    REMOVED = "the slot of a removed name"


_Slot = str | _Mark | None
_Reached = dict[int, tuple[int, int]]
"""For each home slot, the slot and the step at which probing last found room."""


class GlibTable:
    """A set of names in the slot order of GLib.

    Example:
        >>> table = GlibTable()
        >>> for name in ("n", "r4", "m", "p"):
        ...     table.add(name)
        >>> list(table)
        ['n', 'p', 'm', 'r4']
    """

    def __init__(self) -> None:
        self._shift = _LEAST_SHIFT
        self._slots: list[_Slot] = [None] * (1 << _LEAST_SHIFT)
        self._count = 0
        self._used = 0
        self._reached = _Reached()

    def __iter__(self) -> Iterator[str]:
        """Yield the names from the lowest slot to the highest."""
        return (name for name in self._slots if isinstance(name, str))

    def add(self, name: str) -> None:
        """Add a new name."""
        place = self._room(name, self._reached, lambda at: isinstance(self._slots[at], str))
        self._used += self._slots[place] is None
        self._slots[place] = name
        self._count += 1
        self._resize()

    def remove(self, name: str) -> None:
        """Remove a name of the table."""
        self._slots[self._slots.index(name)] = _Mark.REMOVED
        self._reached.clear()
        self._count -= 1
        self._resize()

    def _home(self, name: str) -> int:
        return (_hash(name) * 11 & 0xFFFF_FFFF) % _PRIMES[self._shift]

    def _room(self, name: str, reached: _Reached, is_taken: Callable[[int], bool]) -> int:
        """Return the first free slot for a name.

        `reached` remembers how far probing went, so that names with the same home slot don't repeat
        it. It is valid only while no taken slot becomes free.
        """
        home, mask = self._home(name), (1 << self._shift) - 1
        at, step = reached.get(home, (home, 1))
        while is_taken(at):
            at, step = (at + step) & mask, step + 1
        reached[home] = at, step
        return at

    def _resize(self) -> None:
        size = len(self._slots)
        # GLib's conditions: fewer than a quarter of the slots hold names, or fewer than about 1 in
        # 17 are unused.
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
        """Move all names to their new slots, in place; each evicts the name that it finds there."""
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


def _hash(name: str) -> int:
    value = 5381
    for byte in _modified_utf8(name):
        value = (value * 33 + (byte - 256 if byte > 127 else byte)) & 0xFFFF_FFFF
    return max(value, 2)  # 0 and 1 mark empty and emptied slots


def _modified_utf8(name: str) -> bytes:
    try:
        data = name.encode("utf-8", "surrogateescape")  # a name of a command line may not be UTF-8
    except UnicodeEncodeError:
        data = name.encode("utf-8", "surrogatepass")
    return data.replace(b"\0", b"\xc0\x80")
