"""A relay between a server and a client that delays the server's messages, as it legally may.

Events keep their order, and so do replies; but an event may come before or after any reply.
Nothing is lost and nothing is invented.
"""

import json
import random
import select
import socket
import threading
from collections import deque
from time import monotonic
from typing import Any, Literal, NamedTuple

Kind = Literal["event", "reply"]
KINDS: tuple[Kind, ...] = ("event", "reply")
DELAYS = (0.0, 0.0, 0.0002, 0.001)
"""The seconds by which a message is delayed, at random."""


class Message(NamedTuple):
    """A message of the server.

    Attributes:
        kind: Its kind; the greeting counts as a reply.
        line: Its bytes, without the line feed.
        value: Its value.
        due: The time until which the relay keeps it.
        events: The number of events that the relay has to pass on before it.
    """

    kind: Kind
    line: bytes
    value: dict[str, Any]
    due: float
    events: int


class DelayingRelay:
    """A relay in a thread, from the moment it is made until the server's end.

    Args:
        server: The socket to the server.
        client: The socket to the client.
        late: The command whose replies are held back, at random, until as many events have come
            as there are such replies. Each has to cause one.
        seed: The beginning of the random decisions.

    Attributes:
        commands: The client's commands by their ids.
        received: The server's messages, in the order in which it sent them.
        sent: The same messages in the order in which the client got them.
    """

    def __init__(self, server: socket.socket, client: socket.socket, late: str, seed: int) -> None:
        self.commands: dict[object, dict[str, Any]] = {}
        self.received: list[Message] = []
        self.sent: list[Message] = []
        self._server = server
        self._client = client
        self._late = late
        self._random = random.Random(seed)
        self._kept: dict[Kind, deque[Message]] = {kind: deque() for kind in KINDS}
        self._events = 0
        self._late_replies = 0
        self._parts = {server: b"", client: b""}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the relay's end."""
        self._thread.join(timeout)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        poll = select.poll()
        for sock in (self._server, self._client):
            poll.register(sock, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll(self._until_due())}
            if self._client.fileno() in ready:
                for line in self._lines(self._client):
                    command = json.loads(line)
                    self.commands[command["id"]] = command
                    self._server.sendall(line + b"\n")
            if self._server.fileno() in ready:
                lines = self._lines(self._server)
                if not lines and not self._parts[self._server]:
                    break
                for line in lines:
                    self._take(line)
            self._pass_on(monotonic())
        self._pass_on(float("inf"))
        self._client.shutdown(socket.SHUT_WR)

    def _lines(self, sock: socket.socket) -> list[bytes]:
        *lines, self._parts[sock] = (self._parts[sock] + sock.recv(1 << 16)).split(b"\n")
        return lines

    def _take(self, line: bytes) -> None:
        value = json.loads(line)
        kind: Kind = "event" if "event" in value else "reply"
        due = monotonic() + self._random.choice(DELAYS)
        command = self.commands.get(value.get("id"), {})
        self._late_replies += command.get("execute") == self._late
        is_held = command.get("execute") == self._late and self._random.random() < 0.5
        events = self._late_replies if is_held else 0
        message = Message(kind, line, value, due, events)
        self.received.append(message)
        self._kept[kind].append(message)

    def _until_due(self) -> float | None:
        """Return the milliseconds until the next message may pass; None if only input helps."""
        due = [kept[0].due for kept in self._kept.values() if kept and not self._is_held(kept[0])]
        return max(0.0, min(due) - monotonic()) * 1000 if due else None

    def _is_held(self, message: Message) -> bool:
        return self._events < message.events

    def _pass_on(self, now: float) -> None:
        """Send what is due; the order of an event and a reply that both are is random."""
        while due := [
            kept
            for kept in self._kept.values()
            if kept and kept[0].due <= now and not self._is_held(kept[0])
        ]:
            message = self._random.choice(due).popleft()
            self._events += message.kind == "event"
            self.sent.append(message)
            self._client.sendall(message.line + b"\n")
