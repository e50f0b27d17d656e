"""Context managers that start servers for tests, for unittest and for any other program.

Each works with ``with`` and, in asyncio, with ``async with``.
"""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from qmpeer.testing.interface import Server
from qmpeer.testing.item_state import mismatches_of

if TYPE_CHECKING:
    from qmpeer.script import ScriptedServer
    from qmpeer.testing.joined_pair import Pair
    from qmpeer.testing.machine_server import MachineServer
    from qmpeer.testing.qemu_server import QemuServer
    from qmpeer.testing.replay_server import ReplayServer


ServerT = TypeVar("ServerT", bound=Server)


class Started(Generic[ServerT]):
    """A context manager that starts a server, and at its end stops and verifies it.

    If the block raises an error, the server isn't verified, and the error gets notes: the commands
    that weren't expected, and the conversation.
    """

    def __init__(
        self, make: Callable[[], ServerT], allow_unexpected: bool = False, allow_unmet: bool = False
    ) -> None:
        self._make = make
        self._allow_unexpected = allow_unexpected
        self._allow_unmet = allow_unmet
        self._server: ServerT | None = None

    def __enter__(self) -> ServerT:
        self._server = server = self._make()
        server.start()
        return server

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        server, self._server = self._server, None
        assert server is not None
        server.stop()
        try:
            if error is None:
                server.verify(
                    allow_unexpected=self._allow_unexpected, allow_unmet=self._allow_unmet
                )
            elif text := mismatches_of(server):
                error.add_note(f"QMP mismatches:\n{text}")
        except AssertionError as mismatch:
            error = mismatch
            raise
        finally:
            if error is not None and server.conversation:
                error.add_note(f"QMP conversation:\n{server.conversation.rstrip()}")

    async def __aenter__(self) -> ServerT:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def scripted_server(
    *, allow_unexpected: bool = False, allow_unmet: bool = False, **options: Any
) -> "Started[ScriptedServer]":
    """Return a context manager with a scripted server.

    Args:
        allow_unexpected: Allow commands that no rule answered.
        allow_unmet: Allow rules that weren't asked as often as they must be.
        **options: The options of `ScriptedServer`.

    Example:
        >>> from qmpeer import Client
        >>> with scripted_server() as server:
        ...     _ = server.expect("query-status").reply({"status": "paused"})
        ...     with Client.connect(server.address) as vm:
        ...         vm.execute("query-status")
        {'status': 'paused'}
    """
    from qmpeer.script import ScriptedServer  # start: 50 ms

    return Started(lambda: ScriptedServer(**options), allow_unexpected, allow_unmet)


def replay(
    *recordings: str | os.PathLike[str],
    allow_unexpected: bool = False,
    allow_unmet: bool = False,
    **options: Any,
) -> "Started[ReplayServer]":
    """Return a context manager with a server that answers as recorded.

    Args:
        *recordings: The files.
        allow_unexpected: Allow commands that weren't recorded.
        allow_unmet: Allow recorded commands that nobody asked.
        **options: The options of `ReplayServer`.
    """
    from qmpeer.testing.replay_server import ReplayServer  # start: 60 ms

    return Started(lambda: ReplayServer(*recordings, **options), allow_unexpected, allow_unmet)


def machine(*options: str, **more: Any) -> "Started[MachineServer]":
    """Return a context manager with the built-in machine.

    Args:
        *options: QEMU's options for it, such as ``"-S"``.
        **more: Further arguments of `MachineServer`.

    Example:
        >>> from qmpeer import Client
        >>> with machine("-name", "guest") as server, Client.connect(server.address) as vm:
        ...     vm.execute("query-name")
        {'name': 'guest'}
    """
    from qmpeer.testing.machine_server import MachineServer  # start: 100 ms

    return Started(lambda: MachineServer(options, **more))


def qemu(*options: str, **more: Any) -> "Started[QemuServer]":
    """Return a context manager with a real QEMU.

    Args:
        *options: Its options; by default those of a machine without devices.
        **more: Further arguments of `QemuServer`, such as ``program``.
    """
    from qmpeer.testing.qemu_server import QemuServer  # start: 60 ms

    return Started(lambda: QemuServer(options or None, **more))


def pair(
    *, allow_unexpected: bool = False, allow_unmet: bool = False, **options: Any
) -> "Started[Pair]":
    """Return a context manager with a client and a scripted server that are joined in memory.

    Args:
        allow_unexpected: Allow commands that no rule answered.
        allow_unmet: Allow rules that weren't asked as often as they must be.
        **options: The options of `ScriptedServer`.

    Example:
        >>> with pair() as both:
        ...     _ = both.server.on("query-name").reply({"name": "guest"})
        ...     both.client.execute("query-name")
        {'name': 'guest'}
    """
    from qmpeer.testing.joined_pair import Pair  # start: 60 ms

    return Started(lambda: Pair(**options), allow_unexpected, allow_unmet)
