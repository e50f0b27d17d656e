"""A server that keeps descriptors as QEMU does, and a client that sends bytes by hand."""

import itertools
import os
import socket
from array import array
from collections.abc import Sequence
from typing import Any

from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor import Reply
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue
from tests.proxy.proxied import TestServer


class FdServer(TestServer):
    """A server with QEMU's commands about descriptors.

    Attributes:
        names: The descriptors by name.
        sets: The sets: by number, and by the number of the descriptor, the lowest that is free.
        files: The names of the files that block nodes have open.
        is_held: True to answer nothing until `let_go`.
        log: The names and the main argument of the commands, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.named: dict[str, int] = {}
        self.sets: dict[int, dict[int, int]] = {}
        self.files: list[str] = []
        self.is_held = False
        self.log: list[str] = []
        self._last: list[int] = []
        self._held: list[tuple[CommandMessage, list[int]]] = []

    def execute(self, command: CommandMessage) -> None:
        assert self.client is not None
        self.received.append(command)
        fds = self.client.take_fds()
        if self.is_held:
            self._held.append((command, fds))
        else:
            self._answer(command, fds)

    def let_go(self, count: int = 1_000_000) -> None:
        """Answer commands that were held."""
        now, self._held = self._held[:count], self._held[count:]
        for command, fds in now:
            self._answer(command, fds)

    def _answer(self, command: CommandMessage, fds: list[int]) -> None:
        if fds:
            close_all(self._last)
            self._last = fds
        arguments = command.arguments or {}
        main = arguments.get("fdname", arguments.get("fdset-id", ""))
        self.log.append(f"{command.name} {main}".strip())
        try:
            reply = Reply(command, self._value(command.name, arguments))
        except CommandError as error:
            reply = Reply(command, error={"class": error.error_class, "desc": error.desc})
        self.deliver(reply)

    def _value(self, name: str, arguments: JsonObject) -> JsonValue:
        match name, arguments:
            case "getfd", {"fdname": str(word)}:
                self._drop_name(word)
                self.named[word] = self._take()
                return {}
            case "getfd", _:
                raise CommandError("GenericError", "Parameter 'fdname' is missing")
            case "closefd", {"fdname": str(word)}:
                if not self._drop_name(word):
                    raise CommandError("GenericError", f"File descriptor named '{word}' not found")
                return {}
            case "add-fd", _:
                number = arguments.get("fdset-id", len(self.sets))
                assert isinstance(number, int)
                used = {fd for fds in self.sets.values() for fd in fds}
                fd = next(fd for fd in itertools.count(3) if fd not in used)
                self.sets.setdefault(number, {})[fd] = self._take()
                return {"fdset-id": number, "fd": fd}
            case "remove-fd", {"fdset-id": int(number)}:
                fds = self.sets.get(number, {})
                only = arguments.get("fd")
                for fd in [fd for fd in fds if only in (None, fd)]:
                    os.close(fds.pop(fd))
                if not fds:
                    self.sets.pop(number, None)
                return {}
            case "query-named-block-nodes", _:
                return [{"file": name} for name in self.files]
            case "use", _:
                return {"used": self._drop_name(str(arguments.get("vhostfd")))}
        return {}

    def _take(self) -> int:
        if not self._last:
            raise CommandError("GenericError", "No file descriptor supplied via SCM_RIGHTS")
        first, *others = self._last
        close_all(others)
        self._last = []
        return first

    def _drop_name(self, name: str) -> bool:
        fd = self.named.pop(name, None)
        if fd is not None:
            os.close(fd)
        return fd is not None

    def close(self) -> None:
        super().close()
        close_all(self._last)
        self._last = []
        for name in list(self.named):
            self._drop_name(name)
        for fds in self.sets.values():
            close_all(fds.values())
        self.sets.clear()
        for _, fds_held in self._held:
            close_all(fds_held)
        self._held.clear()


def send(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send bytes, with descriptors if there are any."""
    rights: list[Any] = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
    assert sock.sendmsg([data], rights) == len(data)
