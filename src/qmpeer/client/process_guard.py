"""A process that ends a launched program once the program that launched it has ended.

It stands beside the launched program, and learns that its parent has ended from either of two
things. A socket pair closes with the last process that holds its other end, and a child that the
parent forked may hold it for long. The kernel's PR_SET_PDEATHSIG tells when the *thread* that
forked us ends, so the signal only has us look at who our parent is now.

The module runs as a script, in an interpreter that can't import the package.

Spec: Linux, prctl(2), PR_SET_PDEATHSIG; pidfd_open(2).
"""

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def guard(process: int, lifeline: int, parent: int, patience: float) -> None:
    """Wait until a process or its parent ends, and then end the process.

    Args:
        process: A pidfd of the process.
        lifeline: Our end of the socket pair; the parent writes nothing to it.
        parent: The parent's process id.
        patience: Seconds that the process has to end by SIGTERM, before SIGKILL.
    """
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda signum, frame: None)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    while os.getppid() == parent:
        ready = _wait(None, process, lifeline, woken)
        if ready != [woken]:
            break
        os.read(woken, 64)
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if _wait(0, process):
            break
        try:
            signal.pidfd_send_signal(process, signum)
        except ProcessLookupError:  # it has ended meanwhile, and whoever adopted it has seen that
            break
        _wait(patience, process)


def _wait(seconds: float | None, *fds: int) -> list[int]:
    """Wait until a descriptor is readable; return those that are."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)]


if __name__ == "__main__":
    guard(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
