"""Proxies in the test's own event loop, before a real QEMU."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qmpeer import Client
from qmpeer.cli.proxy_options import parse_options
from qmpeer.cli.proxy_process import run_proxy
from qmpeer.options.signals import OnSignal
from qmpeer.proxy.socket_files import Found, look_at
from tests.patience import PATIENCE
from tests.qemu import BASE


@contextmanager
def qemu_at(qemu: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A QEMU that listens at a path."""
    monitor = ("-chardev", f"socket,id=c,path={path},server=on,wait=off", "-mon", "c,mode=control")
    with subprocess.Popen([qemu, *BASE, *monitor], stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + PATIENCE
            while look_at(str(path)) is not Found.ALIVE and time.monotonic() < end:
                time.sleep(0.005)
            yield process
        finally:
            process.kill()


def name_of(path: Path | str) -> object:
    """Ask the server at a path for the machine's name."""
    with Client.connect(str(path), timeout=PATIENCE) as client:
        return client.execute("query-name")


class Running:
    """A ``qmpeer proxy`` that runs until `stop`, or until its server ends.

    Args:
        words: Its command line.

    Attributes:
        said: What it has written to standard error.
        status: Its exit status, once it has ended.
    """

    def __init__(self, *words: str) -> None:
        self.said: list[str] = []
        self.status: int | None = None
        self._is_ready = asyncio.Event()
        self._signal: OnSignal | None = None
        options = parse_options(words, self.said.append)
        self._task = asyncio.create_task(
            run_proxy(options, self.said.append, self._is_ready.set, self._watch)
        )

    def _watch(self, when: OnSignal) -> None:
        self._signal = when

    async def __aenter__(self) -> "Running":
        ready = asyncio.create_task(self._is_ready.wait())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            self._task.result()
        return self

    async def wait(self) -> int:
        """Wait for its end; return its exit status."""
        async with asyncio.timeout(PATIENCE):
            self.status = await self._task
        return self.status

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End it by a signal, if it hasn't ended."""
        if not self._task.done():
            assert self._signal is not None
            self._signal(signal.SIGTERM, "")
        await self.wait()
