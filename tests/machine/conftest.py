"""Starts of ``qmpeer serve`` in the test's own process."""

import asyncio
import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from qmpeer.cli.main import main
from qmpeer.machine import Options
from qmpeer.machine.machine import Machine
from qmpeer.machine.startup import open_all
from qmpeer.options.devices import ShowText
from tests.machine.serving import Ended, StartHere
from tests.patience import PATIENCE
from tests.starts import resolve_offline


class _Started(BaseException):
    """Raised where the machine would start: the start has succeeded."""


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[StartHere]:
    """Return a function that runs ``qmpeer serve`` up to the start of the guest.

    Its status is None if the machine starts. Nothing forks, takes signals or resolves names;
    standard input is empty.
    """

    def run(*words: str) -> Ended:
        capfd.readouterr()
        status: int | None = None
        try:
            status = main(["serve", *words])
        except _Started:
            pass
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    monkeypatch.setattr(Machine, "start", _raise_started)
    monkeypatch.setattr("os.fork", _fail_to_fork)
    monkeypatch.setattr("qmpeer.options.process.block_signals", lambda: None)
    monkeypatch.setattr("qmpeer.options.process.watch_signals", lambda when: None)
    monkeypatch.setattr("qmpeer.machine.process.open_all", _open_in_time)
    monkeypatch.setattr("socket.getaddrinfo", resolve_offline)
    with open(os.devnull) as nothing:
        saved = os.dup(0)
        os.dup2(nothing.fileno(), 0)
        yield run
        os.dup2(saved, 0)
        os.close(saved)


def _raise_started(machine: Machine) -> NoReturn:
    raise _Started


def _fail_to_fork() -> NoReturn:
    raise AssertionError("it goes into the background")


async def _open_in_time(machine: Machine, options: Options, say: ShowText) -> None:
    async with asyncio.timeout(PATIENCE):
        await open_all(machine, options, say)
