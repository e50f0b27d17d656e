"""What `AsyncClient.execute` returns: a future that goes wherever a coroutine goes.

The command is sent when `execute` is called, so a reply is a future; a coroutine that sent nothing
before it ran would halve the rate of commands in flight. Tasks, task groups and the like take
coroutines alone, so a reply can be driven as one as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from qmpeer.errors import ConnectionClosed

if TYPE_CHECKING:
    from qmpeer.bindings import Command


R = TypeVar("R")


class Reply(asyncio.Future[R], Coroutine[Any, Any, R]):
    """The outcome of a command that was sent, as a future and as a coroutine.

    To cancel it drops the outcome, not the command. asyncio.wait(), which takes no coroutines,
    takes it as a task: asyncio.create_task(reply).

    Attributes:
        command: Its name.

    Who makes a reply sets its attributes: an __init__ here would cost more than all the rest.
    """

    __slots__ = ("_deadline", "_timeout", "command")
    command: str
    _timeout: float | None  # seconds that the caller gave it
    _deadline: float | None  # when they end, on the loop's clock

    def __repr__(self) -> str:
        return super().__repr__().replace("Reply", f"Reply to {self.command}", 1)

    def send(self, value: object, /) -> Any:
        """Do one step of a coroutine that awaits this future."""
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
        """Drop the outcome, as an exception ends the coroutine that awaits it."""
        self.cancel()
        if isinstance(typ, BaseException):
            raise typ
        raise val if isinstance(val, BaseException) else typ()

    def close(self) -> None:
        """Drop the outcome."""
        self.cancel()


def reply_from(future: "asyncio.Future[Any]", command: str, decode: Callable[[Any], R]) -> Reply[R]:
    """Return a reply of what another future gives, decoded; to cancel it cancels that one."""
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
    """Return the reply to a binding's command, as the type that it returns."""
    if isinstance(reply, Reply):
        return reply_from(reply, command.name, command.decode)

    async def later() -> R:
        return command.decode(await reply)

    return cast("Reply[R]", later())


class Executing(Protocol):
    """What executes commands on one loop."""

    end: ConnectionClosed | None

    @property
    def execute(self) -> Callable[..., Awaitable[Any]]:
        """Send one command."""


def executed_there(
    channel: Executing, loop: asyncio.AbstractEventLoop, *asked: object
) -> Reply[Any]:
    """Return a coroutine that executes a command on a channel's loop, which isn't running here."""

    async def execute() -> Any:
        if asyncio.get_running_loop() is loop:
            return await channel.execute(*asked)
        if channel.end is not None:
            raise ConnectionClosed(channel.end.reason)
        raise RuntimeError(
            "found another event loop than the client's; "
            "expected asyncio.run_coroutine_threadsafe(client.execute(...), its_loop)"
        )

    return cast("Reply[Any]", execute())
