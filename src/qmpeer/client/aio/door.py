"""What asyncio does in its own way; `qmpeer.client.blocking.door` has the same names."""

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

__all__ = ["Door", "Lock", "accepted", "aside", "decoded", "opened", "pause", "tell"]


Lock: Final = asyncio.Lock
pause: Final = asyncio.sleep
aside: Final = asyncio.to_thread
"""Call a function that may block for a moment."""


class Door:
    """A connection as a context manager, which closes it."""

    async def close(self) -> None:
        """Close the connection; doing so twice is fine."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


async def opened(
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
    """Connect and negotiate; what isn't said here is as in `AsyncClient.connect`."""
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


async def accepted(listener: socket.socket, timeout: float | None) -> socket.socket:
    """Return the first connection that comes to a listening socket."""
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


async def tell(report: Callable[[Any], object] | None, value: Any) -> None:
    """Call a function of the caller's, if there is one; await what it returns, if that can be."""
    told = None if report is None else report(value)
    if isawaitable(told):
        await told
