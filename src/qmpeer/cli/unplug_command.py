"""``qmpeer unplug``: the removal of a device and its backends, once the guest lets it go."""

import argparse
from typing import Final

from qmpeer.cli.command_line import ADDRESS, JSON, Subcommand, argument, check_text, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.output import write_either
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
The guest must let the device go. It is asked again every 10 seconds until it does, or refuses, or
the time is over. Then the backends are removed that the device alone has: its block node, netdev,
chardev, memory or random number generator; the same for all devices on its buses.

example:
  $ qmpeer unplug /run/vm.qmp disk1 --timeout 30
  unplugged disk1, removed block node node1

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    check_text(namespace.id)
    with connect(namespace) as client:
        removed = client.unplug(namespace.id, backends=not namespace.keep_backends)
    found: JsonObject = {
        "id": namespace.id,
        "removed": [{"kind": each.kind, "name": each.name} for each in removed],
    }
    names = "".join(f", removed {each}" for each in removed)
    write_either(namespace.json, found, f"unplugged {namespace.id}{names}")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer unplug",
    "Unplug a device from a running machine, and remove its backends.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        argument("id", "ID", "the device's id or QOM path", completes="names:device"),
        argument("--keep-backends", None, "leave the backends as they are"),
        argument("--timeout", "S", "wait at most S seconds for the connection (default 10), and "
                 "for the guest (default 300)", type=seconds),
    ),
    _run,
)  # fmt: skip
