"""Rates: how often a rule takes a client's commands, and how large these may be.

A rule with a rate has a bucket of tokens for each client, full at first. A command takes one;
tokens come back evenly, so "10/s" lets ten commands pass at once, then one each tenth of a second.
Clients are told apart by what rules see of them, so nobody gets a full bucket by connecting anew,
and two connections of one user by the same listener share one.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.policy.rules import PolicyClient, Rate
from qmpeer.values import JsonValue

_Key: TypeAlias = tuple[PolicyClient, str]


class Rates:
    """The buckets of all clients of a policy.

    A bucket is the time at which it is full again; one that is full is not kept.

    Args:
        clock: Gives the time in seconds, which never goes back.

    Example:
        >>> now = 0.0
        >>> rates = Rates(lambda: now)
        >>> client, rate = PolicyClient(listener="backup"), Rate(2, 1.0)
        >>> [rates.failure(client, "queries", rate) for _ in range(3)]
        [None, None, 'found more than 2 commands in 1 s, expected 1 after 0.5 s']
        >>> now = 0.5
        >>> rates.failure(client, "queries", rate)
    """

    __slots__ = ("_clock", "_full_at")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[_Key, float] = {}

    def failure(self, client: PolicyClient, rule: str, rate: Rate) -> str | None:
        """Take a token for a command that a rule allows.

        Args:
            client: The client.
            rule: The rule's name.
            rate: Its rate.

        Returns:
            Why there is none: what was found and what was expected; None if there was one.
        """
        now = self._clock()
        each = rate.seconds / rate.count
        key = (client, rule)
        full_at = max(self._full_at.get(key, now), now) + each
        missing = full_at - now - rate.seconds
        if missing > each / 1000:  # sums of fractions aren't exact
            found = f"found more than {rate.count} commands in {rate.seconds:g} s"
            return f"{found}, expected 1 after {missing:.3g} s"
        self._full_at.pop(key, None)
        if len(self._full_at) >= limits.POLICY_RATES:
            self._forget(now)
        self._full_at[key] = full_at  # at the end, so that the first one is the oldest
        return None

    def _forget(self, now: float) -> None:
        """Make room: forget the buckets that are full, or the one that was used least lately."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= limits.POLICY_RATES:
            del self._full_at[next(iter(self._full_at))]


def size_failure(value: JsonValue, most: int) -> str | None:
    """Return why a value is too large as JSON: what was found and expected; None if it isn't.

    A large value costs no more than one of the largest allowed size.

    Args:
        value: The value, such as the arguments of a command.
        most: The most bytes that it may have, without blanks.

    Example:
        >>> size_failure({"id": "abc"}, 12), size_failure({"id": "abcd"}, 12)
        (None, 'found 13 bytes of arguments, expected at most 12')
    """
    if _is_surely_larger(value, most):
        return f"found more than {most} bytes of arguments, expected at most {most}"
    try:
        size = len(msgspec.json.encode(value))
    except Exception:  # half a surrogate pair, nested too deep
        return "found arguments without a size in JSON, expected some that QEMU takes"
    return f"found {size} bytes of arguments, expected at most {most}" if size > most else None


def _is_surely_larger(value: JsonValue, most: int) -> bool:
    """Return True as soon as the parts that were counted have more bytes."""
    left: list[JsonValue] = [value]
    while left and most >= 0:
        value = left.pop()
        if isinstance(value, str):
            most -= len(value) + 2
        elif isinstance(value, dict):
            most -= sum(map(len, value)) + 2
            left += value.values()
        elif isinstance(value, list):
            most -= len(value) + 1
            left += value
        else:
            most -= 1
    return most < 0
