"""The bare loop over a blocking socket: the cost of a program without a client library."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.timing import Timing, timed


@dataclass(frozen=True, slots=True)
class RawSocket:
    """The tests with one JSON library.

    Attributes:
        loads: The function that parses a JSON text.
        dumps: The function that formats a JSON text.
    """

    loads: Callable[[bytes], Any]
    dumps: Callable[[object], bytes]

    def _connect(self, path: str) -> tuple[socket.socket, Callable[[], bytes]]:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(path)
        lines = stream.makefile("rb", 1 << 18)
        self.loads(lines.readline())
        stream.sendall(self.dumps({"execute": "qmp_capabilities"}) + b"\n")
        self.loads(lines.readline())
        return stream, lines.readline

    def sequential(self, path: str, count: int, command: str = "query-version") -> Timing:
        """Send one command after the other."""
        stream, readline = self._connect(path)
        send, loads, dumps = stream.sendall, self.loads, self.dumps
        with stream, timed() as timing:
            for number in range(count):
                send(dumps({"execute": command, "id": number}) + b"\n")
                loads(readline())["return"]
        return timing

    def schema(self, path: str, count: int) -> Timing:
        """Ask for the schema again and again."""
        return self.sequential(path, count, "query-qmp-schema")

    def events(self, path: str, count: int) -> Timing:
        """Take this many events, starting with the command that has them sent."""
        stream, readline = self._connect(path)
        loads = self.loads
        with stream, timed() as timing:
            request = {"execute": "x-stream", "arguments": {"count": count}, "id": "s"}
            stream.sendall(self.dumps(request) + b"\n")
            taken = 0
            while taken < count:
                taken += "event" in loads(readline())
        return timing
