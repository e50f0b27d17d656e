"""The plan of a dial: after a failed attempt it decides whether and when to try again.

The blocking and the asyncio side share this plan; they differ only in connecting and sleeping. Time
comes in as an argument, except for the age of a file.
"""

import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.transport.address import Address, UnixAddress
from qmpeer.transport.sockets import Endpoint

_NOT_THERE_YET: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED})
NO_SOCKET: Final = "there is a file here that is not a socket"


class DialPlan:
    """The deadline of one dial, and the reason for its failure so far.

    Attributes:
        address: The server's address, for errors.
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
        """Yield each endpoint with its time limit in seconds: a share of the remaining time."""
        for shares, endpoint in zip(range(len(endpoints), 0, -1), endpoints, strict=True):
            yield endpoint, self.seconds_left(clock(), shares=shares)

    def seconds_left(self, now: float, *, shares: int = 1) -> float | None:
        """Return the time limit in seconds of the next of some steps that share the remaining time.

        It is at least a millisecond, so that a step without remaining time still ends, and soon.
        """
        return None if self._deadline is None else max((self._deadline - now) / shares, 0.001)

    def seconds_to_settle(self, now: float) -> float:
        """Return the seconds to wait before the first attempt, or before another one.

        They aren't 0 only for a patient dial of a unix socket whose file has just been made.

        QEMU: it listens a moment before its main loop runs and hands the listener to the monitors'
        thread. If a client connects in that moment, both may accept, and the main loop hangs until
        a further client connects (seen with 7.2, about once in 3,000 starts).
        """
        address = self.address
        if not self._is_patient or not isinstance(address, UnixAddress) or address.is_abstract:
            return 0.0
        try:
            age = time.time() - os.stat(address.path).st_mtime
        except OSError:  # it isn't there yet
            return 0.0
        rest = limits.DIAL_SETTLE - age if age >= 0.0 else 0.0  # the clock may have been set back
        return max(rest if self._deadline is None else min(rest, self._deadline - now), 0.0)

    def is_over(self, now: float) -> bool:
        """Return True if no time is left."""
        return self._deadline is not None and now >= self._deadline

    def delay_after(self, error: OSError, now: float) -> float:
        """Return the seconds to wait before all endpoints are tried again.

        Raises:
            OSError: The error itself, with the address as its filename, if it is final.
            TimeoutError: If no time is left.

        Spec: a non-blocking connect() to a unix socket with a full queue fails with EAGAIN. QEMU's
        queue holds one or two clients, which wait until the previous client leaves. So the server
        is busy, not absent, and the dial is tried again even without ``wait_for_socket``.
        """
        if error.errno == errno.EAGAIN:
            self._reason = "its queue is full: another client holds it, or the server hangs"
        elif error.errno is None and isinstance(error, TimeoutError):
            pass  # the step's own time limit passed: there was no answer
        elif self._is_patient and error.errno in _NOT_THERE_YET:
            self._reason = f"it is not there: {os.strerror(error.errno)}"
        else:
            final = annotated(error, self.address)
            if error.errno == errno.ECONNREFUSED and _is_other_file(self.address):
                final.strerror = NO_SOCKET  # the kernel refuses it like a socket without a listener
            raise final
        if self.is_over(now):
            raise self.timed_out() from error
        delay, self._delay = self._delay, min(self._delay * 1.5, limits.DIAL_DELAY_MOST)
        return delay if self._deadline is None else min(delay, self._deadline - now)

    def timed_out(self, reason: str | None = None) -> TimeoutError:
        """Return the error that names the address, the time and the last obstacle."""
        reason = reason or self._reason
        long = "" if self._timeout is None else f" {self._timeout:.4g} s"
        return TimeoutError(f"waited{long} for {self.address}, but {reason}")


def resolve_or_open(address: Address, plan: DialPlan, now: float) -> socket.socket | list[Endpoint]:
    """Return the socket that the address's scheme opens itself, or the endpoints to connect to.

    Raises:
        OSError: If there is no such socket, or no endpoint.
        ValueError: If the scheme can't be dialled.
    """
    sock = address.open_socket(plan.seconds_left(now))
    if sock is not None:
        return sock
    try:
        return address.endpoints()
    except OSError as error:
        raise annotated(error, address) from None


def _is_other_file(address: object) -> bool:
    """Return True if the path of a unix address is a file, a folder or the like."""
    if not isinstance(address, UnixAddress) or address.is_abstract:
        return False
    try:
        return not stat.S_ISSOCK(os.stat(address.path).st_mode)
    except OSError:
        return False


def annotated(error: OSError, address: object) -> OSError:
    """Add the address to an error of the kernel; its class and its number stay."""
    if error.errno is not None and error.filename is None:
        error.filename = str(address)
        if error.errno > 0:  # the resolver's errors are negative and have their own texts
            error.strerror = os.strerror(error.errno)  # replaces asyncio's words
    return error
