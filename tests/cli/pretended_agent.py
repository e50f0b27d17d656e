"""A guest agent that answers as a test has it say, for what would harm this machine."""

import json
import socketserver
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["PretendedAgent"]


class _Server(socketserver.ThreadingUnixStreamServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that has left meanwhile."""


class PretendedAgent:
    """An agent in a thread.

    Args:
        path: Where it listens.
        answers: What its commands return; None is no answer, an exception's text an error.

    Attributes:
        address: Where it listens.
        seen: The commands that came but for synchronization, with their arguments.
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

    def __enter__(self) -> "PretendedAgent":
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
