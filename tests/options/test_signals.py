"""The signals that end a program; `tests/machine/test_serve.py` sends real ones."""

import os
import queue
import threading
from types import SimpleNamespace

import pytest

from qmpeer.options.signals import watch_signals
from tests.patience import PATIENCE

NO_PROCESS = 1 << 30


@pytest.mark.parametrize(
    ("pid", "text"),
    [
        (0, ""),
        (os.getpid(), f" from pid {os.getpid()} ("),
        (NO_PROCESS, f" from pid {NO_PROCESS} (<unknown process>)"),
    ],
    ids=["kernel", "process", "gone"],
)
def test_a_signal_names_its_sender(monkeypatch: pytest.MonkeyPatch, pid: int, text: str) -> None:
    signals = iter([SimpleNamespace(si_signo=15, si_pid=pid)])

    def wait(numbers: object) -> object:
        for info in signals:
            return info
        return threading.Event().wait()  # there is no second signal

    monkeypatch.setattr("signal.sigwaitinfo", wait)
    found: queue.Queue[tuple[int, str]] = queue.Queue()
    watch_signals(lambda number, sender: found.put((number, sender)))
    number, sender = found.get(timeout=PATIENCE)
    assert number == 15
    assert sender[: len(text)] == text
    assert bool(sender) is bool(text)
