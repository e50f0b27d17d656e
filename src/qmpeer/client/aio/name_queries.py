"""Queries that take several commands: names for completion, and the guest agent's address."""

from typing import Any

from qmpeer.client.aio.procedures import CommandClient
from qmpeer.client.answers import read_answer
from qmpeer.client.server_names import PERIPHERALS, chardev_address, names_in, sources_of
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

_AGENT_PORT = "org.qemu.guest_agent.0"
"""The name of the port that guest agents open. QEMU: qga."""


async def names(client: CommandClient, kind: str, within: str, countdown: Countdown) -> list[str]:
    """Return the names of one kind, as described at `AsyncClient.names`."""
    if kind == "block":
        nodes = await names(client, "block-node", "", countdown)
        drives = await names(client, "drive", "", countdown)
        return [*drives, *(name for name in nodes if name not in drives)]
    for command, arguments, read in sources_of(kind, within):
        try:
            answer = await client.execute(command, arguments, timeout=countdown.remaining())
        except CommandError:
            continue
        found = names_in(answer, read)
        if kind == "qom-path":
            return [f"{within.rstrip('/')}/{name}" for name in found]
        return found
    return []


async def find_agent(client: CommandClient, countdown: Countdown) -> str:
    """Return the address of the chardev behind the guest agent's port.

    Raises:
        ValueError: If the machine has no such port, or its chardev can't be connected to.
    """
    for parent in PERIPHERALS:
        try:
            children = await _objects(client, "qom-list", {"path": parent}, countdown)
        except CommandError:
            continue
        for child in children:
            if child.get("type") != "child<virtserialport>":
                continue
            path = f"{parent}/{child.get('name')}"
            if await _property(client, path, "name", countdown) == _AGENT_PORT:
                label = await _property(client, path, "chardev", countdown)
                chardevs = await _objects(client, "query-chardev", None, countdown)
                return chardev_address(str(label), chardevs)
    raise ValueError(f"found no virtserialport called {_AGENT_PORT!r}, give the agent's address")


async def _objects(
    client: CommandClient, command: str, arguments: JsonObject | None, countdown: Countdown
) -> list[dict[str, Any]]:
    answer = await client.execute(command, arguments, timeout=countdown.remaining())
    return read_answer(command, answer, list[dict[str, Any]], "a list of objects")


async def _property(client: CommandClient, path: str, name: str, countdown: Countdown) -> Any:
    arguments: JsonObject = {"path": path, "property": name}
    return await client.execute("qom-get", arguments, timeout=countdown.remaining())
