"""A neutral environment for tests, in place of the real host's settings.

Tests, and the programs that they start, get the same environment, home, umask, time zone,
limits and signals everywhere. Tests that need something that the host lacks are skipped.
"""

import os
import re
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable

import pytest

KEPT = re.compile("PATH|LD_.*|PYTHONPATH|QMPEER_(?!LOOP).*|(HYPOTHESIS|PYTEST|COV).*")
"""The variables of the real host that are kept."""
FILES = 1024
"""The number of descriptors that a process may open, as on most hosts."""
NEUTRAL = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color", "SHELL": "/bin/sh"}
LONGEST = 16
"""The longest path of the folder for temporary files: paths of sockets have at most 107 bytes."""


def make_neutral() -> Callable[[], None]:
    """Make this process neutral, and return the function that cleans up."""
    for name in set(os.environ):
        if not KEPT.fullmatch(name):
            del os.environ[name]
    os.environ.update(NEUTRAL)
    time.tzset()
    os.umask(0o022)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    if len(tempfile.gettempdir()) > LONGEST:
        tempfile.tempdir = "/tmp"
    os.environ["TMPDIR"] = tempfile.gettempdir()
    home = tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True)
    os.environ["HOME"] = home.name
    # A parent that started us in the background may ignore these, and programs inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if not _has_terminals():
        os.openpty = _skip_for_want_of_terminals
    return home.cleanup


def skip_what_is_missing(item: pytest.Item) -> None:
    """Skip a test if its markers require something that this host lacks."""
    if item.get_closest_marker("terminal") and not _has_terminals():
        _skip_for_want_of_terminals()
    if item.get_closest_marker("ipv6") and not _has_ipv6():
        pytest.skip("this host has no IPv6")


def _has_terminals() -> bool:
    try:
        for fd in os.openpty():
            os.close(fd)
    except (OSError, pytest.skip.Exception):
        return False
    return True


def _skip_for_want_of_terminals() -> tuple[int, int]:
    pytest.skip("this host has no pseudo-terminals")


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
