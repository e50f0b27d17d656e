"""The making of a further monitor on the server, over a socket pair.

One end of the pair goes to the server: as a descriptor with a name (``getfd``), then as a character
device (``chardev-add``), then as the place of a monitor (``object-add``), which removes itself and
the device when its client has left. If a step fails, everything is taken back.

Spec: QEMU 11.1, objects of the type monitor-qmp.
"""

import socket
from collections.abc import Sequence
from typing import Any

from qmpeer import limits
from qmpeer.client.aio.procedures import CommandClient
from qmpeer.client.answers import read_answer
from qmpeer.client.hotplug import new_name
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.messages import Greeting
from qmpeer.values import JsonObject

_TYPE = "monitor-qmp"


class FurtherMonitor:
    """One further monitor on a server.

    Args:
        client: A client of the server, connected over a unix socket.
        greeting: The server's greeting, if there was one.
        countdown: The deadline for all steps.
    """

    def __init__(
        self, client: CommandClient, greeting: Greeting | None, countdown: Countdown
    ) -> None:
        self._client = client
        self._greeting = greeting
        self._countdown = countdown
        self._name = new_name()
        self._undoing: list[tuple[str, JsonObject]] = []

    async def open(self) -> socket.socket:
        """Make the monitor, and return the end of the pair that it talks to.

        Raises:
            ValueError: If the server has no such monitors, or descriptors can't be sent to it.
        """
        await self._check_server()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await self._hand_over(theirs)
            await self._attach()
        except GeneratorExit:
            ours.close()
            raise
        except BaseException as error:
            ours.close()
            await self._undo(error)
            raise
        return ours

    async def _check_server(self) -> None:
        command, timeout = "qom-list-types", self._countdown.remaining()
        arguments: JsonObject = {"implements": _TYPE}
        try:
            answer = await self._client.execute(command, arguments, timeout=timeout)
        except CommandError as error:
            raise self._not_offered() from error
        types = read_answer(command, answer, list[dict[str, Any]], "a list of objects")
        if not any(each.get("name") == _TYPE for each in types):
            raise self._not_offered()

    def _not_offered(self) -> ValueError:
        found = "a server"
        if self._greeting is not None and (version := self._greeting.version) is not None:
            release = version.qemu
            package = f" ({version.package})" if version.package else ""
            found = f"QEMU {release.major}.{release.minor}.{release.micro}{package}"
        return ValueError(f"found {found} without {_TYPE}, expected QEMU 11.1 or newer")

    async def _hand_over(self, end: socket.socket) -> None:
        fdname: JsonObject = {"fdname": self._name}
        await self._step("getfd", fdname, ("closefd", fdname), (end.fileno(),))

    async def _attach(self) -> None:
        id: JsonObject = {"id": self._name}
        address: JsonObject = {"type": "fd", "data": {"str": self._name}}
        backend: JsonObject = {"type": "socket", "data": {"addr": address, "server": False}}
        await self._step("chardev-add", {**id, "backend": backend}, ("chardev-remove", id))
        monitor: JsonObject = {"chardev": self._name, "close-action": "delete"}
        await self._step("object-add", {"qom-type": _TYPE, **id, **monitor}, ("object-del", id))

    async def _step(
        self,
        command: str,
        arguments: JsonObject,
        undoing: tuple[str, JsonObject],
        fds: Sequence[int] = (),
    ) -> None:
        # Noted before: a command without a reply may have been executed.
        self._undoing.append(undoing)
        timeout = self._countdown.remaining()
        try:
            await self._client.execute(command, arguments, timeout=timeout, fds=fds)
        except (CommandError, ValueError):  # refused, or never sent
            self._undoing.pop()
            raise

    async def _undo(self, error: BaseException) -> None:
        """Take all steps back, the last one first; add a note to the error if that fails.

        A step that hasn't been executed yet comes before: the server executes commands in order.
        """
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        why: Exception | None = None
        for command, arguments in reversed(self._undoing):
            try:
                await self._client.execute(command, arguments, timeout=countdown.remaining())
            except CommandError:  # there is nothing to take back
                continue
            except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
                why = failure
        if why is not None:
            error.add_note(f"the server may keep what was named {self._name}: {why}")
