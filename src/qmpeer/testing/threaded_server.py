"""A server in a thread of its own, on a unix socket in a new folder with a short path."""

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Self

from qmpeer import limits
from qmpeer.faults import Faults, Injector
from qmpeer.monitor import new_event_loop
from qmpeer.script.conversation import Conversation
from qmpeer.transport.aio import HandlerFactory
from qmpeer.transport.short_folder import ShortFolder

_SOCKET: Final = "qmp"


class ThreadedServer(ABC):
    """A server for tests that listens from `start` to `stop`, and keeps the conversation.

    Args:
        faults: The faults between it and its clients; the plan may grow while it runs.
        seed: The seed of their chance.
    """

    def __init__(self, *, faults: Faults | None = None, seed: int = 0) -> None:
        self._conversation = Conversation(time.monotonic)
        self._injector = None if faults is None else Injector(faults, seed=seed)
        self._folder: ShortFolder | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def wrap(self, factory: HandlerFactory) -> HandlerFactory:
        """Return a handler factory that keeps the conversation, and puts the faults into it."""
        if self._injector is not None:
            factory = self._injector.wrap(factory)
        return self._conversation.wrap(factory)

    @abstractmethod
    async def run(self, path: str, when_ready: Callable[[], None]) -> None:
        """Listen on a unix socket, and serve until `end`.

        Args:
            path: The socket's path.
            when_ready: To be called once it listens.
        """

    @abstractmethod
    def end(self) -> None:
        """Begin to end `run`; called in its thread."""

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:  # noqa: B027 - most servers judge nothing
        """Check what happened.

        Args:
            allow_unexpected: Allow commands that weren't expected.
            allow_unmet: Allow expected commands that didn't come.

        Raises:
            ScriptMismatch: With all differences.
        """

    def start(self) -> Self:
        """Listen, and return the server itself.

        Raises:
            OSError: If it can't start.
            RuntimeError: If it was started before.
        """
        if self._thread is not None:
            raise RuntimeError("this server was started before")
        self._folder = ShortFolder()
        ready = threading.Event()
        failure: list[BaseException] = []

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            try:
                await self.run(self._path, ready.set)
            except BaseException as error:
                failure.append(error)
            finally:
                ready.set()

        def run_loop() -> None:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(run())

        self._thread = threading.Thread(target=run_loop, name=type(self).__name__, daemon=True)
        self._thread.start()
        ready.wait()
        if failure:
            self.stop()
            raise failure[0]
        return self

    def stop(self) -> None:
        """Disconnect all clients, and remove what `start` made. Idempotent."""
        if self._thread is not None and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self.end)
            except RuntimeError:  # it has ended by itself
                pass
            self._thread.join(2 * limits.CLOSE_TIMEOUT)
            self._loop = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    @property
    def _path(self) -> str:
        if self._folder is None:
            raise RuntimeError("the server isn't started")
        return self._folder.path(_SOCKET)

    @property
    def address(self) -> str:
        """The address at which clients reach it, such as "unix:/tmp/qmpeer-4f2/qmp"."""
        return f"unix:{self._path}"

    @property
    def conversation(self) -> str:
        """The newest part of what passed, as a transcript, newest last, without secrets."""
        return self._conversation.text
