"""A scripted server, which sends what a test asks for at the right moment."""

import array
import json
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.client.faces import Face, Vm, background
from tests.patience import PATIENCE

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "scripted"},'
    b' "capabilities": ["oob"]}}\r\n'
)
PLAIN_GREETING = GREETING.replace(b'["oob"]', b"[]")


class ScriptedServer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self.socket = sock
        self.line_end = b"\r\n"
        self._lines: deque[bytes] = deque()
        self._part = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def say(self, message: Any) -> None:
        self.send(json.dumps(message).encode() + self.line_end)

    def greet(self, greeting: bytes = GREETING) -> None:
        self.send(greeting)

    def negotiate(self) -> dict[str, Any]:
        command = self.command()
        assert command["execute"] == "qmp_capabilities"
        self.reply(command)
        return command

    def command(self) -> dict[str, Any]:
        """Return the next command that the client sends."""
        while not self._lines:
            data = self.socket.recv(1 << 20)
            assert data, "the client has left"
            *lines, self._part = (self._part + data).split(b"\n")
            self._lines += lines
        command = json.loads(self._lines.popleft())
        assert isinstance(command, dict)
        return command

    def command_with_fds(self) -> tuple[dict[str, Any], list[int]]:
        """Return the next command and the descriptors that came with its bytes."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4))
        fds = array.array("i")
        for _, _, part in ancillary:
            fds.frombytes(part)
        assert data.count(b"\n") == 1
        assert data.endswith(b"\n")
        return json.loads(data), fds.tolist()

    def has_input(self) -> bool:
        """Return whether the client has sent anything that wasn't read yet."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(self._lines or self._part or poll.poll(0))

    def reply(self, command: dict[str, Any], value: Any = None) -> None:
        self.say({"return": {} if value is None else value, "id": command["id"]})

    def fail(self, command: dict[str, Any], error_class: str, desc: str) -> None:
        self.say({"id": command["id"], "error": {"class": error_class, "desc": desc}})

    def event(self, name: str, **data: Any) -> None:
        message: dict[str, Any] = {"timestamp": {"seconds": 1, "microseconds": 2}, "event": name}
        if data:
            message["data"] = data
        self.say(message)

    def close(self) -> None:
        self.socket.close()


@contextmanager
def connected(
    face: Face, greeting: bytes = GREETING, *, tcp: bool = False, **options: Any
) -> Iterator[tuple[Vm, ScriptedServer]]:
    """Yield a client that has negotiated with a scripted server, and the server."""
    ours, theirs = tcp_pair() if tcp else socket.socketpair()
    server = ScriptedServer(theirs)
    try:
        connecting = background(face.connect, ours, **options)
        if options.get("negotiate", True):
            server.greet(greeting)
            server.negotiate()
        vm = connecting.result(PATIENCE)
        yield vm, server
        vm.close()
    finally:
        server.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for sock in (ours, theirs):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs


def open_fds() -> set[str]:
    """Return the open descriptors of the process, to compare before and after."""
    return set(os.listdir("/proc/self/fd"))


def reset(server: ScriptedServer) -> None:
    """Close a TCP connection so that the other end gets ECONNRESET."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
