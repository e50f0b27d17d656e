"""Functions run in a forked child, for tests."""

import os
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.patience import PATIENCE


def in_child(function: Callable[[], object]) -> str:
    """Call a function in a forked child; return what it returns or raises, as text."""
    with living_child(function) as said:
        return said


@contextmanager
def living_child(function: Callable[[], object]) -> Iterator[str]:
    """Do the same, and keep the child alive until the block ends."""
    results, result = os.pipe()
    go_on, waits = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # the warning about forking with threads
        pid = os.fork()
    if pid == 0:
        os.close(waits)
        threading.Timer(PATIENCE, os._exit, (1,)).start()
        try:
            try:
                text = repr(function())
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
            os.write(result, text.encode())
            os.close(result)
            os.read(go_on, 1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(result)
    os.close(go_on)
    try:
        with open(results, "rb") as file:
            yield file.read().decode()
    finally:
        os.close(waits)
        os.waitpid(pid, 0)
