"""What asyncio does in its own way; `qmpeer.client.blocking.door` has the same names."""

import asyncio
import socket
from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from qmpeer.client.aio.channel import AsyncChannel, AsyncOnLost
from qmpeer.client.aio.reply import Reply, reply_from
from qmpeer.client.events import EventLog
from qmpeer.client.timeouts import Deadline
from qmpeer.protocol import ClientSession
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import open_stream

if TYPE_CHECKING:
    import ssl

    from qmpeer.bindings import Command
    from qmpeer.client.launching import Launched

__all__ = ["Door", "Lock", "accepted", "aside", "decoded", "opened", "pause", "tell"]

P = ParamSpec("P")
R = TypeVar("R")

Lock: Final = asyncio.Lock
pause: Final = asyncio.sleep
aside: Final = asyncio.to_thread
"""Call a function that may block for a moment."""


class Door:
    """What a blocking client has alone, and one on a loop doesn't need."""


def decoded(command: "Command[R]", reply: Reply[Any]) -> Reply[R]:
    """Return the reply to a binding's command, as the type that it returns."""
    if isinstance(reply, Reply):
        return reply_from(reply, command.name, command.decode)

    async def later() -> R:
        return command.decode(await reply)

    return cast("Reply[R]", later())


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
