"""The primitives of the async client; `qmpeer.client.blocking.primitives` has the same names."""

import asyncio
import socket
from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Self

from qmpeer.client.aio.channel import AsyncChannel, AsyncOnLost
from qmpeer.client.aio.reply import Reply, decoded
from qmpeer.client.events import EventLog
from qmpeer.client.timeouts import Deadline
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import open_stream

if TYPE_CHECKING:
    import ssl

    from qmpeer.client.launching import Launched

__all__ = [
    "ClosedOnExit",
    "Lock",
    "accept_connection",
    "call_blocking",
    "decoded",
    "open_connection",
    "pause",
    "report_progress",
]


Lock: Final = asyncio.Lock
pause: Final = asyncio.sleep
call_blocking: Final = asyncio.to_thread
"""Call a function that may block for a moment, without blocking the loop."""


class ClosedOnExit:
    """A context manager that closes the connection at its end."""

    async def close(self) -> None:
        """Close the connection; repeated calls do no harm."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


async def open_connection(
    address: AddressLike,
    session: ClientSession[Reply[Any]],
    deadline: Deadline,
    *,
    log: EventLog | None = None,
    on_lost: AsyncOnLost | None = None,
    launched: "Launched | None" = None,
    wait_for_socket: bool = False,
    tls: "ssl.SSLContext | None" = None,
) -> AsyncChannel:
    """Connect and negotiate, as described at `AsyncClient.connect`."""
    _, channel = await open_stream(
        address,
        lambda stream: AsyncChannel(stream, session, launched, log, on_lost),
        timeout=deadline.timeout,
        wait_for_socket=wait_for_socket,
        tls=tls,
    )
    assert isinstance(channel, AsyncChannel)
    await channel.negotiate(deadline)
    return channel


async def accept_connection(listener: socket.socket, timeout: float | None) -> socket.socket:
    """Accept one connection on a listening socket."""
    before = listener.gettimeout()
    listener.setblocking(False)
    try:
        accepting = asyncio.get_running_loop().sock_accept(listener)
        sock, _ = await asyncio.wait_for(accepting, timeout)
    except TimeoutError:
        raise TimeoutError(f"nobody connected in {timeout:.4g} s") from None
    finally:
        listener.settimeout(before)
    return sock


async def report_progress(progress: Callable[[Any], object] | None, state: Any) -> None:
    """Call the caller's progress function, if any; await its result if that is awaitable."""
    result = None if progress is None else progress(state)
    if isawaitable(result):
        await result
