"""The proxy's own commands to the server, which wait for their turn beside those of the clients."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.proxy.multiplexer import Lane
from qmpeer.proxy.request import Executor, Request
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.policy import Rights


class OwnRequests:
    """The requester of the proxy's own commands. It has a lane, but no client.

    Args:
        executor: Executes them. Its deadline for commands holds for these, too.

    Attributes:
        number: 0, which is no client's.
        lane: Its commands that wait for the server.
        has_left: True: what belongs to it belongs to no client.
        rights: None: a policy is about clients.
    """

    __slots__ = ("_executor", "_open", "_replies", "has_left", "lane", "number", "rights")

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._open: dict[Request, None] = {}
        self._replies: dict[int, asyncio.Future[JsonValue]] = {}  # by the command's identity
        self.has_left: bool = True
        self.number: int = 0
        self.rights: Rights | None = None
        self.lane: Lane[Request] = Lane()

    @property
    def requests(self) -> list[Request]:
        """The requests that aren't answered."""
        return list(self._open)

    def execute(
        self,
        name: str,
        arguments: JsonObject | None = None,
        *,
        is_oob: bool = False,
        fds: Sequence[int] = (),
    ) -> "asyncio.Future[JsonValue]":
        """Send a command in its turn, with its descriptors, and return a future of its value.

        The future may be awaited or forgotten. It raises a CommandError: the server's, or the
        proxy's own if the server doesn't answer in time or goes.
        """
        command = CommandMessage(name, arguments, is_oob=is_oob)
        reply: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._replies[id(command)] = reply
        self._executor.execute(self, command, fds)
        return reply

    # Requester

    def open(self, request: Request) -> None:
        """Add a request, which will be answered."""
        self._open[request] = None

    def answer(
        self, request: Request, value: JsonValue = None, error: JsonObject | None = None
    ) -> None:
        """Answer a request."""
        request.is_answered = True
        close_all(request.take_reply_fds())
        self._open.pop(request, None)
        command = request.command
        reply = self._replies.pop(id(command))
        if reply.done():  # cancelled
            return
        if error is None:
            reply.set_result(value)
        else:
            error_class, desc = (str(error.get(member, "")) for member in ("class", "desc"))
            reply.set_exception(CommandError(error_class, desc, command.name))
            reply.exception()  # nobody has to ask for it
