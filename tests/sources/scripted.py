"""Scripted servers, each for one client."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time

from qmpeer.transport.filters.websocket_upgrade import answer_upgrade
from tests.patience import PATIENCE

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 9}, "package": ""},'
    b' "capabilities": []}}\n'
)
DONE = b'{"return": {}}\n'
LEAVE = b"leave"
"""Stands for a text: the server closes the connection."""

Serve = Callable[..., str]


@contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    """Yield a function that starts a server for one client and returns its address.

    The server sends its first text at once, and each further text when it has received something.
    Then it repeats the text ``endless``, if there is one, until the client leaves.
    """
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(*texts: bytes, endless: bytes = b"", websocket: bool = False) -> str:
        if websocket:
            listener = socket.create_server(("127.0.0.1", 0))
            address = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        else:
            path = folder / f"server{len(listeners)}.json"  # a source that looks like a file's name
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            address = f"unix:{path}"
        listener.settimeout(PATIENCE)
        listeners.append(listener)
        threads.append(threading.Thread(target=_answer, args=(listener, texts, endless, websocket)))
        threads[-1].start()
        return address

    yield start
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


def _answer(
    listener: socket.socket, texts: tuple[bytes, ...], endless: bytes, websocket: bool
) -> None:
    client, _ = listener.accept()
    client.settimeout(PATIENCE)
    # A client that stops reading resets the connection.
    with client, suppress(BrokenPipeError, ConnectionResetError):
        if websocket:
            header = b""
            while not header.endswith(b"\r\n\r\n"):
                header += client.recv(1)
            client.sendall(answer_upgrade(header, (), time()))
        for index, text in enumerate(texts):
            if index and not client.recv(4096):
                return
            if text is LEAVE:
                return
            client.sendall(_frame(text) if websocket else text)
        while endless:
            client.sendall(endless)
        while client.recv(4096):
            pass


def _frame(data: bytes) -> bytes:
    """Return a WebSocket frame of a server."""
    size = len(data)
    return b"\x82" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2)) + data
