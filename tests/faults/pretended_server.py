"""A scripted server in a thread, and both clients behind a common interface."""

import asyncio
import contextlib
import fcntl
import json
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from qmpeer.client import AsyncClient, Client
from qmpeer.messages import Event
from tests.patience import PATIENCE

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    b'"capabilities": ["oob"]}}\r\n'
)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self.sock = sock
        self._lines = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> Any:
        """Return the next command, None if the client is gone."""
        try:
            line = self._lines.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None

    def begin(self) -> None:
        """Greet and negotiate."""
        self.send(GREETING)
        self.answer(self.read())

    def answer(self, command: Any, value: Any = None) -> None:
        self.send(self.reply(command, value))

    def reply(self, command: Any, value: Any = None) -> bytes:
        message = {"return": {} if value is None else value, "id": command.get("id")}
        if "id" not in command:
            del message["id"]
        return json.dumps(message).encode() + b"\r\n"

    def until_read(self) -> None:
        """Wait until the client has received everything that was sent."""
        end = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
            assert time.monotonic() < end
            time.sleep(0)

    def reset(self) -> None:
        """End a TCP connection with ECONNRESET."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._lines.close()
        self.sock.close()


class PretendedServer:
    """A listener that runs a script for each client in turn."""

    def __init__(self, script: Callable[[Peer], None], path: Path | None = None) -> None:
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.address = f"unix:{path}"
        self._script = script
        self._lock = threading.Lock()
        self._peer: Peer | None = None
        self._is_over = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with self._lock:
                self._peer = peer = Peer(sock)
                if self._is_over:
                    peer.close()
                    return
            try:
                self._script(peer)
            except BaseException as failure:
                self._failure = self._failure or failure
            finally:
                with self._lock:
                    peer.close()

    def __enter__(self) -> "PretendedServer":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_over = True
            failure = self._failure
            if self._peer is not None and self._peer.sock.fileno() >= 0:
                with contextlib.suppress(OSError):
                    self._peer.sock.shutdown(socket.SHUT_RDWR)
        with socket.socket(self._listener.family) as last, contextlib.suppress(OSError):
            last.connect(self._listener.getsockname())
        self._thread.join(PATIENCE)
        self._listener.close()
        if exc is None and failure is not None:
            raise failure


class Twin(Protocol):
    """The common interface of both clients, with blocking calls."""

    def execute(self, command: str, arguments: Any = None, **options: Any) -> Any: ...
    def wait_event(self, names: Any = None, match: Any = None, **options: Any) -> Event: ...
    def event_mark(self) -> int: ...
    def close(self) -> None: ...


class BlockingTwin:
    """The async client on a loop of its own, behind blocking calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: AsyncClient) -> None:
        self._loop = loop
        self.client = client

    def _call(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    def execute(self, command: str, arguments: Any = None, **options: Any) -> Any:
        async def execute() -> Any:
            return await self.client.execute(command, arguments, **options)

        return self._call(execute())

    def wait_event(self, names: Any = None, match: Any = None, **options: Any) -> Event:
        event = self._call(self.client.wait_event(names, match, **options))
        assert isinstance(event, Event)
        return event

    def event_mark(self) -> int:
        mark = self._call(self.client.event_mark())
        assert isinstance(mark, int)
        return mark

    def close(self) -> None:
        self._call(self.client.close())


class Twins:
    """A factory of clients of one kind, which closes them at the end."""

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None) -> None:
        self.is_async = loop_factory is not None
        self._clients: list[Twin] = []
        self._pool = ThreadPoolExecutor(4)
        if loop_factory is not None:
            self._loop = loop_factory()
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()

    def connect(self, address: Any, **options: Any) -> Twin:
        options = {"timeout": PATIENCE, "command_timeout": PATIENCE, **options}
        client: Any = (
            self._connect_async(address, options)
            if self.is_async
            else Client.connect(address, **options)
        )
        self._clients.append(client)
        twin: Twin = client
        return twin

    def _connect_async(self, address: Any, options: dict[str, Any]) -> BlockingTwin:
        connecting = AsyncClient.connect(address, **options)
        future = asyncio.run_coroutine_threadsafe(connecting, self._loop)
        return BlockingTwin(self._loop, future.result(PATIENCE))

    def start(self, what: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function in another thread; return the future of its outcome."""
        return self._pool.submit(what, *args, **options)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._pool.shutdown()
        if self.is_async:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()


def causes(error: BaseException) -> Sequence[BaseException]:
    """Return an exception and its chain of causes."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    return chain
