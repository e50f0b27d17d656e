"""The token that opens the server over HTTP: its file, and the check of each request."""

import hmac
import os
import stat
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from qmpeer import limits

_SCHEME: Final = "bearer "


class TokenError(ValueError):
    """A file that holds no token fit to guard a machine."""


def read_token(path: str) -> str:
    """Return the token in a file, which only its owner may read.

    Raises:
        OSError: If the file can't be read.
        TokenError: If others may read it too, or it holds no token.
    """
    with open(path, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise TokenError(f"{path}: found mode {mode:04o}, expected 0600: others may read it")
        data = file.read(limits.MCP_TOKEN_FILE + 1)
    if len(data) > limits.MCP_TOKEN_FILE:
        raise TokenError(f"{path}: found more than {limits.MCP_TOKEN_FILE} bytes, expected a token")
    words = data.split()
    if len(words) != 1 or not words[0].isascii() or len(words[0]) < limits.MCP_TOKEN:
        raise TokenError(f"{path}: expected one word of at least {limits.MCP_TOKEN} characters")
    return words[0].decode()


class TokenGuard:
    """An ASGI application that passes on only those requests that have the token.

    Args:
        app: The application behind it.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] == "lifespan" or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(
            "The token is missing or wrong", 401, {"WWW-Authenticate": "Bearer"}
        )
        await refusal(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        values = Headers(scope=scope).getlist("authorization")
        if len(values) != 1 or not values[0].lower().startswith(_SCHEME):
            return False
        given = values[0][len(_SCHEME) :].strip()
        return hmac.compare_digest(given.encode(), self._token)
