"""A fake guest agent with answers chosen by a test, for commands that would harm this machine."""

import json
import socketserver
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["FakeAgent"]


class _Server(socketserver.ThreadingUnixStreamServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error of a client that has disconnected."""


class FakeAgent:
    """An agent in a thread.

    Args:
        path: The unix path on which it listens.
        answers: The return values of its commands; None for no answer, an exception for an error.

    Attributes:
        address: The address on which it listens.
        seen: The commands received, except synchronization, with their arguments.
    """

    def __init__(self, path: Path, answers: dict[str, Any]) -> None:
        self.address = str(path)
        self.seen: list[tuple[str, Any]] = []
        agent = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    command = json.loads(line.rpartition(b"\xff")[2])
                    if command["execute"].startswith("guest-sync"):
                        said = {"return": command["arguments"]["id"]}
                        self.wfile.write(b"\xff" + json.dumps(said).encode() + b"\n")
                        continue
                    agent.seen.append((command["execute"], command.get("arguments")))
                    value = answers.get(command["execute"], Exception("not here"))
                    if value is None:
                        continue
                    if isinstance(value, Exception):
                        answer = {"error": {"class": "GenericError", "desc": str(value)}}
                    else:
                        answer = {"return": value}
                    answer["id"] = command["id"]
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

        self._server = _Server(str(path), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> "FakeAgent":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
