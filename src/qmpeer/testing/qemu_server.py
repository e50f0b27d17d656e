"""A real QEMU for tests, behind a relay that keeps the conversation and makes faults."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from typing import Final

from qmpeer.client import AsyncClient
from qmpeer.faults import Faults
from qmpeer.relay import Relay
from qmpeer.testing.threaded_server import ThreadedServer

PROGRAM: Final = "qemu-system-x86_64"
BARE: Final = ("-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg")
"""The options of a machine without devices, which starts on any host."""


class QemuServer(ThreadedServer):
    """A real QEMU, which ends with the test, however that ends.

    Clients reach its monitor through a relay, which passes every byte on unchanged.

    Args:
        options: QEMU's options; None for those of a machine without devices.
        program: The program, by name or path.
        faults: Faults between it and its clients.
        seed: The seed of their chance.

    Raises:
        FileNotFoundError: If there is no such program.
    """

    def __init__(
        self,
        options: Sequence[str] | None = None,
        *,
        program: str = PROGRAM,
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(faults=faults, seed=seed)
        found = shutil.which(program)
        if found is None:
            raise FileNotFoundError(f"found no {program} on the PATH, expected a QEMU")
        self._argv = [found, *(BARE if options is None else options)]
        self._ending: asyncio.Event | None = None

    async def run(self, path: str, when_ready: Callable[[], None]) -> None:
        """Start QEMU and the relay, and serve until `end`."""
        self._ending = asyncio.Event()
        inner = f"{path}_"  # hardly longer: paths have a limit
        monitor = ("-qmp", f"unix:{inner},server=on,wait=off")
        # QEMU opens its monitors in order: once the one of launch greets, the other one listens.
        async with (
            await AsyncClient.launch([*self._argv, *monitor]),
            Relay(f"unix:{inner}", wrap=self.wrap) as relay,
        ):
            await relay.listen(f"unix:{path}", many=False)
            when_ready()
            await self._ending.wait()

    def end(self) -> None:
        """End QEMU."""
        if self._ending is not None:
            self._ending.set()
