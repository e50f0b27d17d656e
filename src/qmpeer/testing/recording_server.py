"""A real server that is recorded while a test uses it."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from qmpeer.faults import Faults
from qmpeer.recording import ConnectionRecording, Recording
from qmpeer.relay import Relay
from qmpeer.testing.threaded_server import ThreadedServer
from qmpeer.transport import AddressLike


class RecordingServer(ThreadedServer):
    """A relay to a real server, which writes the test's recording.

    The file appears with `keep`, which is called only if the test has passed.

    Args:
        path: The file.
        server: The real server's address. It executes all that the test asks.
        faults: Faults between it and its clients; they aren't recorded.
        seed: The seed of their chance.
    """

    def __init__(
        self, path: Path, server: AddressLike, *, faults: Faults | None = None, seed: int = 0
    ) -> None:
        super().__init__(faults=faults, seed=seed)
        self._recorded = path
        self._unfinished = path.with_name(f"{path.name}.part")
        self._server = server
        self._ending: asyncio.Event | None = None

    async def run(self, path: str, when_ready: Callable[[], None]) -> None:
        """Pass everything on, and record it."""
        self._ending = asyncio.Event()
        self._recorded.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished.unlink(missing_ok=True)
        with Recording.open(self._unfinished, times=False) as recording:
            observer = _Observer(recording)
            async with Relay(self._server, observer=observer, wrap=self.wrap) as relay:
                await relay.listen(f"unix:{path}", many=False)
                when_ready()
                await self._ending.wait()

    def end(self) -> None:
        """Disconnect all clients."""
        if self._ending is not None:
            self._ending.set()

    def keep(self) -> None:
        """Keep the recording; after `stop`."""
        os.replace(self._unfinished, self._recorded)


class _Observer:
    """Begins the recording of each client without its address, which is another one each time."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def opened(self, peer: str) -> ConnectionRecording:
        """Return the recording of a client."""
        return self._recording.opened()
