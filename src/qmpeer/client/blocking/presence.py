# Generated from aio/presence.py by scripts/blocking_client.py: `make fix` writes it anew.
"""The look at one thing of a server: whether it exists, and what the server shows of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from qmpeer.client.blocking.procedures import CommandClient
from qmpeer.client.existence import KINDS, is_chardev_in, netdev_in, node_in, type_in
from qmpeer.client.network_listing import INFO_NETWORK
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError, ValidationError
from qmpeer.values import JsonObject, JsonValue


def look(
    client: CommandClient, kind: str, id: str, wanted: Iterable[str], countdown: Countdown
) -> Mapping[str, JsonValue] | None:
    """Return what a server shows of a thing, or None if it doesn't exist.

    Args:
        client: A client of the server.
        kind: The kind of thing, one of `qmpeer.client.existence.KINDS` other than "job".
        id: Its id; of a device, also its QOM path.
        wanted: The properties of interest.
        countdown: The deadline.

    Raises:
        CommandError: If the server can't tell.
    """

    def ask(command: str, arguments: JsonObject | None = None) -> Any:
        return client.execute(command, arguments, timeout=countdown.remaining())

    if kind == "block-node":
        try:
            answer = ask("query-named-block-nodes", {"flat": True})
        except (CommandError, ValidationError):  # before QEMU 5.0
            answer = ask("query-named-block-nodes")
        return node_in(answer, id)
    if kind == "netdev":
        return netdev_in(ask("human-monitor-command", INFO_NETWORK), id)
    known = KINDS[kind]
    container, _, name = id.rpartition("/") if id.startswith("/") else (known.container, "", id)
    try:
        children = ask("qom-list", {"path": container})
    except CommandError as error:
        if kind == "chardev":  # before QEMU 2.10
            return {} if is_chardev_in(ask("query-chardev"), id) else None
        if error.error_class == "DeviceNotFound":  # as long as it would be empty
            return None
        raise
    type_name = type_in(children, name, known.prefix)
    if type_name is None:
        return None
    found: dict[str, JsonValue] = {known.type_member: type_name}
    for each in wanted:
        arguments: JsonObject = {
            "path": f"{container}/{name}",
            "property": "parent_bus" if each == "bus" else each,
        }
        try:
            found[each] = ask("qom-get", arguments)
        except CommandError:  # it can't be read
            continue
    return found
