"""The future that `AsyncClient.execute` returns, which is also a coroutine.

`execute` sends the command at once, so its reply is a future. A coroutine, which would send nothing
before it runs, would halve the rate of commands in flight. But asyncio.create_task() and task
groups accept only coroutines, so a reply is one, too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

from qmpeer.errors import ConnectionClosed

if TYPE_CHECKING:
    from qmpeer.bindings import Command


R = TypeVar("R")

Later: TypeAlias = Coroutine[Any, Any, R]
"""A coroutine, named by its result alone."""


class Reply(asyncio.Future[R], Coroutine[Any, Any, R]):
    """The outcome of a command that was sent, as a future and as a coroutine.

    Cancelling it drops the outcome, not the command. asyncio.wait() accepts no coroutines: pass it
    asyncio.create_task(reply).

    Attributes:
        command: The command's name.
    """

    # The channel sets these attributes: an __init__ here would cost more than all the rest.
    __slots__ = ("_deadline", "_timeout", "command")
    command: str
    _timeout: float | None  # the caller's timeout in seconds
    _deadline: float | None  # the same as a time of the loop's clock

    def __repr__(self) -> str:
        return super().__repr__().replace("Reply", f"Reply to {self.command}", 1)

    def send(self, value: object, /) -> Any:
        """Run one step of a coroutine that awaits this future."""
        if self.done():
            raise StopIteration(self.result())
        self._asyncio_future_blocking = True
        return self

    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any:
        """Drop the outcome and raise the exception, as in a coroutine that awaits this future."""
        self.cancel()
        if isinstance(typ, BaseException):
            raise typ
        raise val if isinstance(val, BaseException) else typ()

    def close(self) -> None:
        """Drop the outcome."""
        self.cancel()


def reply_from(future: "asyncio.Future[Any]", command: str, decode: Callable[[Any], R]) -> Reply[R]:
    """Return a reply with another future's decoded result; cancelling it cancels that future."""
    result: Reply[R] = Reply(loop=future.get_loop())
    result.command = command

    def pass_on(_: object) -> None:
        if result.cancelled():
            return
        if future.cancelled():
            result.cancel()
        elif (error := future.exception()) is not None:
            result.set_exception(error)
        else:
            try:
                value = decode(future.result())
            except Exception as failure:
                result.set_exception(failure)
            else:
                result.set_result(value)

    def cancel(_: object) -> None:
        if result.cancelled():
            future.cancel()

    future.add_done_callback(pass_on)
    result.add_done_callback(cancel)
    return result


def decoded(command: "Command[R]", reply: Reply[Any]) -> Reply[R]:
    """Return the reply to a binding's command, decoded to its return type."""
    if isinstance(reply, Reply):
        return reply_from(reply, command.name, command.decode)

    async def later() -> R:
        return command.decode(await reply)

    return cast("Reply[R]", later())


class CommandChannel(Protocol):
    """A channel that executes commands on one event loop."""

    end: ConnectionClosed | None

    @property
    def execute(self) -> Callable[..., Awaitable[Any]]:
        """The function that sends one command."""


def execute_on_loop(
    channel: CommandChannel, loop: asyncio.AbstractEventLoop, *arguments: object
) -> Reply[Any]:
    """Return a coroutine that executes a command once the channel's loop runs it."""

    async def execute() -> Any:
        if asyncio.get_running_loop() is loop:
            return await channel.execute(*arguments)
        if channel.end is not None:
            raise ConnectionClosed(channel.end.reason)
        raise RuntimeError(
            "found another event loop than the client's; "
            "expected asyncio.run_coroutine_threadsafe(client.execute(...), its_loop)"
        )

    return cast("Reply[Any]", execute())
