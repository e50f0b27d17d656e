"""What to do after a connection could not be made: try again, and when, or give up.

Both sides of the room ask this plan and differ only in how they connect and sleep. Time comes
in as an argument.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.transport.address import Address
from qmpeer.transport.sockets import Endpoint

_NOT_THERE_YET: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED})


class DialPlan:
    """The deadline of one dial, and the reason why it hasn't succeeded so far.

    Attributes:
        address: Whom to connect to, as errors name it.
    """

    __slots__ = ("_deadline", "_delay", "_is_patient", "_reason", "_timeout", "address")

    def __init__(
        self, address: object, *, timeout: float | None, wait_for_socket: bool, now: float
    ) -> None:
        self.address: object = address
        self._timeout = timeout
        self._deadline = None if timeout is None else now + timeout
        self._is_patient = wait_for_socket
        self._delay = limits.DIAL_DELAY
        self._reason = "there was no answer"

    def turns(
        self, endpoints: Sequence[Endpoint], clock: Callable[[], float]
    ) -> Iterator[tuple[Endpoint, float | None]]:
        """Yield each endpoint with the seconds that it may take: its share of what is left."""
        for shares, endpoint in zip(range(len(endpoints), 0, -1), endpoints, strict=True):
            yield endpoint, self.seconds_left(clock(), shares=shares)

    def seconds_left(self, now: float, *, shares: int = 1) -> float | None:
        """Say how long the next step may take, when so many steps share what is left.

        Never less than a millisecond, so that a step of a spent plan ends, and ends soon.
        """
        return None if self._deadline is None else max((self._deadline - now) / shares, 0.001)

    def is_over(self, now: float) -> bool:
        """Whether there is no time left."""
        return self._deadline is not None and now >= self._deadline

    def delay_after(self, error: OSError, now: float) -> float:
        """Say how many seconds to wait before all addresses are tried again.

        Raises:
            OSError: The error itself, with the address as its filename, if it is final.
            TimeoutError: If there is no time left.

        Spec: connect() to a unix socket whose queue is full gives EAGAIN when it doesn't block.
        QEMU's queue has room for one or two, and they wait until the client before them leaves: the
        server is busy, not absent, so that this is waited for in any case.
        """
        if error.errno == errno.EAGAIN:
            self._reason = "it is busy: too many clients are waiting there already"
        elif error.errno is None and isinstance(error, TimeoutError):
            pass  # a step took its share of the time: there was no answer
        elif self._is_patient and error.errno in _NOT_THERE_YET:
            self._reason = f"it is not there: {os.strerror(error.errno)}"
        else:
            raise annotated(error, self.address)
        if self.is_over(now):
            raise self.timed_out() from error
        delay, self._delay = self._delay, min(self._delay * 1.5, limits.DIAL_DELAY_MOST)
        return delay if self._deadline is None else min(delay, self._deadline - now)

    def timed_out(self, reason: str | None = None) -> TimeoutError:
        """Make the error that says what was waited for, how long, and what stood in the way."""
        reason = reason or self._reason
        long = "" if self._timeout is None else f" {self._timeout:g} s"
        return TimeoutError(f"waited{long} for {self.address}, but {reason}")


def begin(address: Address, plan: DialPlan, now: float) -> socket.socket | list[Endpoint]:
    """Return the socket that an address brings along, or else the endpoints to connect to.

    Raises:
        OSError: If there is none.
        ValueError: If its scheme knows of none.
    """
    sock = address.open_socket(plan.seconds_left(now))
    if sock is not None:
        return sock
    try:
        return address.endpoints()
    except OSError as error:
        raise annotated(error, address) from None


def annotated(error: OSError, address: object) -> OSError:
    """Name the address in an error of the kernel, which keeps its class and number."""
    if error.errno is not None and error.filename is None:
        error.filename = str(address)
        if error.errno > 0:  # the resolver's are below, with a text of their own
            error.strerror = os.strerror(error.errno)  # asyncio has put its own words there
    return error
