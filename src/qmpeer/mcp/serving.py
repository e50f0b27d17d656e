"""The transports of the server for assistants: standard input and output, and HTTP."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from qmpeer import limits
from qmpeer.mcp.bearer_token import TokenGuard

PATH: Final = "/mcp"
"""The path of the server's one resource over HTTP."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


async def serve_stdio(server: Server[Any]) -> None:
    """Serve one assistant over standard input and output, until the input ends."""
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


class HttpServing:
    """The server over HTTP.

    Args:
        server: The server.
        listener: A listening socket, which this object then owns.
        token: The token that each request must have.
        hosts: Further names by which requests may call this host, beside those of loopback.
    """

    def __init__(
        self, server: Server[Any], listener: socket.socket, token: str, hosts: Sequence[str] = ()
    ) -> None:
        self._listener = listener
        names = [*_LOOPBACK, *hosts]
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            max_request_body_size=limits.MCP_BODY,
            max_sessions=limits.MCP_SESSIONS,
            transport_security=TransportSecuritySettings(
                allowed_hosts=[*names, *(f"{name}:*" for name in names)],
                allowed_origins=[
                    f"{scheme}://{name}{port}"
                    for scheme in ("http", "https")
                    for name in names
                    for port in ("", ":*")
                ],
            ),
        )
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                TokenGuard(app, token),
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                limit_concurrency=4 * limits.MCP_SESSIONS,
                timeout_graceful_shutdown=int(limits.CLOSE_TIMEOUT),
            )
        )

    @property
    def address(self) -> str:
        """Its URL."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._uvicorn.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Let the requests that are under way end, and stop."""
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    """A uvicorn that leaves signals to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
