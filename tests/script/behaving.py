"""Servers with ready behaviours, held to the schema of the QEMU that is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from qmpeer import Client
from qmpeer.schema import Schema
from qmpeer.script import ScriptedServer
from qmpeer.sources import installed_schema
from tests.patience import PATIENCE
from tests.qemu import QEMU, find_program


@cache
def real_schema() -> Schema | None:
    """Return the schema of the installed QEMU; None if there is none."""
    path = find_program(QEMU)
    return None if path is None else installed_schema(path)


@contextmanager
def behaving(**options: Any) -> Iterator[tuple[ScriptedServer, Client]]:
    """Yield a server and a client; judge the server at the end."""
    options.setdefault("schema", real_schema())
    with (
        ScriptedServer(**options) as server,
        Client.connect(server.address, command_timeout=PATIENCE) as client,
    ):
        yield server, client


def lines(server: ScriptedServer) -> list[str]:
    """Return what the server has sent, one word a message: an event's name, "return" or "error"."""
    sent = [each for each in server.conversation.splitlines() if each.startswith("<-")]
    found = []
    for each in sent:
        for word in ("event", "return", "error"):
            if f'"{word}": ' in each:
                name = each.partition('"event": "')[2].partition('"')[0]
                found.append(name or word)
                break
    return found
