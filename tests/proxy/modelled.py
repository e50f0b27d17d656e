"""A server with values, durations and events, and the model of what it answers.

The server is the test's own: it shares no code with qmpeer. It reads a line for each command, has
one in-band command in progress, answers out-of-band ones at once, and numbers its events.
"""

import asyncio
import json
import socket
from collections import deque
from random import Random
from typing import Any, Final

VERSION: Final = {
    "qemu": {"micro": 9, "minor": 8, "major": 7},
    "package": "a model",
}
SCHEMA: Final = [{"name": str(number), "meta-type": "builtin"} for number in range(20)]
OOB: Final = frozenset({"peek"})
"""Commands that may be executed out of band."""
COMMANDS: Final = OOB | {"put", "get", "large", "emit", "query-qmp-schema", "getfd", "closefd"}

Message = dict[str, Any]


def generic(desc: str) -> Message:
    """Return an error response."""
    return {"error": {"class": "GenericError", "desc": desc}}


def not_found(name: str) -> Message:
    """Return the error response for a command that isn't there."""
    desc = f"The command {name} has not been found"
    return {"error": {"class": "CommandNotFound", "desc": desc}}


class Model:
    """The values that a server keeps, and its answers to commands.

    Attributes:
        fds: The names of descriptors.
        closed: The number of those that were closed.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.fds: set[str] = set()
        self.closed = 0

    def answer(self, name: str, arguments: Message, is_oob: bool = False) -> Message:
        """Return the response to a command, without its id."""
        if name not in COMMANDS and name != "query-version":
            return not_found(name)
        if is_oob and name not in OOB:
            return generic(f"The command {name} does not support OOB")
        if name == "query-version":
            return generic("Parameter 'n' is unexpected") if arguments else {"return": VERSION}
        if name == "query-qmp-schema":
            return {"return": SCHEMA}
        if name in ("getfd", "closefd"):
            return self._fd(name, arguments["fdname"])
        if "key" not in arguments:
            return generic("Parameter 'key' is missing")
        key = arguments["key"]
        before = self._values.get(key)
        if name == "put":
            self._values[key] = arguments["value"]
        elif name == "large":
            before = "x" * arguments["size"]
        elif name == "get" and before is None:
            return generic(f"'{key}' has no value")
        return {"return": {"n": arguments["n"], "value": before}}

    def _fd(self, name: str, fdname: str) -> Message:
        """Keep the name of a descriptor, or forget it. The kernel has closed the descriptor."""
        if name == "getfd":
            self.fds.add(fdname)
        elif fdname in self.fds:
            self.fds.remove(fdname)
            self.closed += 1
        else:
            return generic(f"File descriptor named '{fdname}' not found")
        return {"return": {}}


class ModelServer:
    """The server of one conversation, on one end of a pair of sockets.

    Args:
        random: Decides how its output is cut.
        window: The most in-band commands that it may be sent at once.

    Attributes:
        sock: The other end, for the proxy.
        model: What it keeps.
        executed: The numbers ``n`` of the commands in their order of execution.
        events: The number of events so far.
        asked: How often it was asked for its schema.
        faults: What the proxy did wrong.
    """

    def __init__(self, random: Random, window: int) -> None:
        ours, self.sock = socket.socketpair()
        ours.setblocking(False)
        self._sock = ours
        self._loop = asyncio.get_running_loop()
        self._random = random
        self._window = window
        self.model = Model()
        self._in_band: deque[Message] = deque()
        self._input = b""
        self._output = bytearray()
        self._is_flush_due = False
        self._open: set[Any] = set()
        self.executed: list[int] = []
        self.events = 0
        self.asked = 0
        self.faults: list[str] = []
        self._loop.add_reader(ours, self._read)
        self._send({"QMP": {"version": VERSION, "capabilities": ["oob"]}})

    def close(self) -> None:
        """Leave."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()

    @property
    def is_idle(self) -> bool:
        """True if it has answered everything."""
        return not self._in_band and not self._output

    def emit(self) -> None:
        """Send the next event."""
        self.events += 1
        stamp = {"seconds": self.events, "microseconds": 7}
        self._send({"timestamp": stamp, "event": "TICK", "data": {"number": self.events}})

    def _read(self) -> None:
        try:
            data = self._sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._sock)
            return
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, request: Message) -> None:
        id = request["id"]
        if type(id) is not int or id in self._open:
            self.faults.append(f"the id {id!r} is in use or no number")
        self._open.add(id)
        if "exec-oob" in request:
            self._answer(request, request["exec-oob"], is_oob=True)
            return
        self._in_band.append(request)
        if len(self._in_band) > self._window:
            self.faults.append(f"{len(self._in_band)} in-band commands at once")
        if len(self._in_band) == 1:
            self._begin()

    def _begin(self) -> None:
        self._go_on(self._in_band[0].get("arguments", {}).get("turns", 0))

    def _go_on(self, turns: int) -> None:
        """Let so many turns of the loop pass, then answer the command in progress."""
        if turns:
            self._loop.call_soon(self._go_on, turns - 1)
            return
        self._answer(self._in_band[0], self._in_band[0]["execute"])
        self._in_band.popleft()
        if self._in_band:
            self._loop.call_soon(self._begin)

    def _answer(self, request: Message, name: str, is_oob: bool = False) -> None:
        self._open.discard(request["id"])
        if name == "qmp_capabilities":
            self._send({"return": {}, "id": request["id"]})
            return
        arguments = request.get("arguments", {})
        if "n" in arguments:
            self.executed.append(arguments["n"])
        self.asked += name == "query-qmp-schema"
        response = self.model.answer(name, arguments, is_oob)
        if name == "emit":
            self.emit()
        if isinstance(response.get("return"), dict):
            response["return"] = {**response["return"], "events": self.events}
        self._send({**response, "id": request["id"]})

    def _send(self, message: Message) -> None:
        self._output += json.dumps(message).encode() + b"\r\n"
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        output = self._output
        size = self._random.randint(1, len(output)) if self._random.random() < 0.3 else len(output)
        try:
            sent = self._sock.send(output[:size])
        except BlockingIOError:
            sent = 0
        except OSError:
            output.clear()
            return
        del output[:sent]
        if output:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)
