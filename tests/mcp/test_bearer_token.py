"""The token of the server over HTTP."""

import os
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.mcp.bearer_token import TokenError, TokenGuard, read_token

TOKEN = "abcdefghijklmnopqrstuvwxyz"


def token_file(folder: Path, data: bytes, mode: int = 0o600) -> str:
    path = folder / "token"
    path.write_bytes(data)
    os.chmod(path, mode)
    return str(path)


def test_a_token(tmp_path: Path) -> None:
    assert read_token(token_file(tmp_path, f" {TOKEN}\n".encode(), 0o400)) == TOKEN


@pytest.mark.parametrize(
    ("data", "mode", "expected"),
    [
        (TOKEN.encode(), 0o640, "found mode 0640, expected 0600"),
        (TOKEN.encode(), 0o604, "found mode 0604, expected 0600"),
        (b"", 0o600, "expected one word"),
        (b"short", 0o600, f"of at least {limits.MCP_TOKEN} characters"),
        (b"two words that are long enough", 0o600, "expected one word"),
        (TOKEN.encode() + b"\xff", 0o600, "expected one word"),
        (b"a" * (limits.MCP_TOKEN_FILE + 1), 0o600, "bytes, expected a token"),
    ],
    ids=["group", "others", "empty", "short", "two", "bytes", "long"],
)
def test_no_token(tmp_path: Path, data: bytes, mode: int, expected: str) -> None:
    with pytest.raises(TokenError, match=expected):
        read_token(token_file(tmp_path, data, mode))


@pytest.mark.parametrize(
    ("headers", "is_known"),
    [
        ([("authorization", f"Bearer {TOKEN}")], True),
        ([("Authorization".lower(), f"bearer  {TOKEN} ")], True),
        ([], False),
        ([("authorization", TOKEN)], False),
        ([("authorization", f"Basic {TOKEN}")], False),
        ([("authorization", "Bearer ")], False),
        ([("authorization", f"Bearer {TOKEN[:-1]}")], False),
        ([("authorization", f"Bearer {TOKEN}\xff")], False),
        ([("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")], False),
        ([("cookie", f"Bearer {TOKEN}")], False),
    ],
)
async def test_requests(headers: list[tuple[str, str]], is_known: bool) -> None:
    assert await passes("http", headers) is is_known


async def test_other_scopes() -> None:
    assert await passes("lifespan", [])
    assert not await passes("websocket", [("authorization", f"Bearer {TOKEN}")])


async def passes(kind: str, headers: list[tuple[str, str]]) -> bool:
    """Return True if a request reaches the application; it is answered with 401 otherwise."""
    reached = False
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal reached
        reached = True

    async def receive() -> Any:
        return {"type": f"{kind}.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "headers": encoded, "method": "POST", "extensions": {}}
    await TokenGuard(app, TOKEN)(scope, receive, send)
    if not reached:
        assert sent[0].get("status", sent[0].get("code")) in (401, 1000, 403)
    return reached
