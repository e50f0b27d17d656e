"""A relay in front of a monitor that cuts the connection between a command and its reply."""

import socket
import threading
from pathlib import Path

from qmpeer.wire import encode_compact
from tests.patience import PATIENCE

__all__ = ["CuttingRelay"]


class CuttingRelay:
    """A relay that closes the client's connection once the server has answered a command.

    Args:
        path: The socket to listen at.
        server: The server's socket; it is connected to anew for each client.
        command: The command whose first reply is lost.
    """

    def __init__(self, path: Path, server: Path, command: str) -> None:
        self.cuts = 0
        self._server = server
        self._command = encode_compact(command)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(str(self._server))
                self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Relay one line in each direction, in turn, for a client that sends one at a time."""
        replies = server.makefile("rb")
        client.sendall(replies.readline())
        for line in client.makefile("rb"):
            server.sendall(line)
            reply = replies.readline()
            while b'"event"' in reply:
                reply = replies.readline()
            if self._command in line and not self.cuts:
                self.cuts += 1
                return
            client.sendall(reply)
