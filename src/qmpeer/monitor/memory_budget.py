"""How much memory the clients of one listener may hold together.

One client's request may have 64 MiB, and replies that it doesn't read wait for it; thousands of
clients that each keep to such limits would still take all memory. Whoever asks for more when the
budget is spent is disconnected, so that those who are there already go on.
"""

from qmpeer import limits

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """The memory that the clients of one listener hold.

    Attributes:
        held: Bytes that they hold now, about: unfinished requests, and output that waits.
        most: How many there may be.
    """

    __slots__ = ("held", "most")

    def __init__(self) -> None:
        self.most: int = limits.LISTENER_MEMORY
        self.held: int = 0

    def change(self, before: int, now: int) -> bool:
        """Take note that a client holds more or less than before; say whether that is too much."""
        self.held += now - before
        return now > before and self.held > self.most
