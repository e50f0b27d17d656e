"""A guard process that ends a launched program when the launching process ends.

The guard runs beside the launched program and notices the end of its parent in two ways. First,
its end of a socket pair closes; but a child that the parent forked may keep the other end open for
a long time. Second, the kernel sends a signal (PR_SET_PDEATHSIG); but it does so when the *thread*
that forked us ends. So on that signal, the guard only checks whether it has another parent now.

The module runs as a script, in an interpreter that can't import qmpeer.

Spec: Linux, prctl(2), PR_SET_PDEATHSIG; pidfd_open(2).
"""

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def guard(process: int, lifeline: int, parent: int, grace: float) -> None:
    """Wait until a process or its parent ends; then end the process.

    Args:
        process: A pidfd of the process.
        lifeline: Our end of the socket pair; the parent writes nothing to it.
        parent: The parent's process id.
        grace: Seconds between SIGTERM and SIGKILL.
    """
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    # The handler does nothing, and Python resumes poll() after it. The byte that the signal writes
    # into the pipe is what ends poll().
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda signum, frame: None)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    # The parent may have ended before prctl(); then no signal comes, and this check ends the loop.
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
        except ProcessLookupError:  # it has ended meanwhile, and its new parent has reaped it
            break
        _wait(grace, process)


def _wait(seconds: float | None, *fds: int) -> list[int]:
    """Wait until a descriptor is readable; return all readable ones."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)]


if __name__ == "__main__":
    guard(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
