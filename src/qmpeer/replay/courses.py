"""The order in which clients get the conversations of a recording."""

import heapq
from collections.abc import Sequence

from qmpeer.replay.player import Course


class Courses:
    """The conversations, handed out one to each client.

    The first client gets the first conversation, the next one the second. After the last comes the
    first again, so the same programs can be run once more. A client that leaves before its first
    command hasn't used its conversation, and the next one gets it: many programs connect once only
    to see whether somebody listens.

    Args:
        courses: The conversations; at least one.
    """

    def __init__(self, courses: Sequence[Course]) -> None:
        self._courses = courses
        self._next = 0
        self._returned: list[int] = []

    def take(self) -> tuple[int, Course]:
        """Return a client's conversation, with the number to give it back by."""
        if self._returned:
            number = heapq.heappop(self._returned)
        else:
            number = self._next
            self._next += 1
        return number, self._courses[number % len(self._courses)]

    def give_back(self, number: int) -> None:
        """Hand a conversation out to the next client: this one has asked nothing."""
        heapq.heappush(self._returned, number)
