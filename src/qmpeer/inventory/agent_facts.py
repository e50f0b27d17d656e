"""What a guest is, from whichever commands its agent has."""

from collections.abc import Callable
from typing import Any, Final

from qmpeer.client import GuestAgent
from qmpeer.client.answers import UNREADABLE
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject, JsonValue


def agent_facts(agent: GuestAgent) -> JsonObject:
    """Return all that an agent tells of itself and of its guest, in one object."""
    info = agent.info()
    names = sorted(info.commands)
    facts: JsonObject = {
        "kind": "guest-agent",
        "version": info.version,
        "commands": [name for name in names if info.commands[name].is_enabled],
        "disabled": [name for name in names if not info.commands[name].is_enabled],
    }
    for name, (command, read) in _SECTIONS.items():
        if command not in info.commands or not info.commands[command].is_enabled:
            continue
        try:
            value = read(agent.execute(command))
        except (*UNREADABLE, CommandError):
            continue  # it isn't there in this guest, or isn't told in the form that is known
        if value is not None:
            facts[name] = value
    return facts


def _host_name(said: Any) -> JsonValue:
    return str(said["host-name"])


def _system(said: Any) -> JsonValue:
    return {
        "name": str(said.get("pretty-name", said.get("name", ""))),
        "kernel": str(said.get("kernel-release", "")),
        "architecture": str(said.get("machine", "")),
    }


def _cpus(said: Any) -> JsonValue:
    return {"count": len(said), "online": sum(bool(each["online"]) for each in said)}


def _interfaces(said: Any) -> JsonValue:
    return [
        {
            "name": str(each["name"]),
            "mac": str(each.get("hardware-address", "")),
            "addresses": [
                f"{address['ip-address']}/{address['prefix']}"
                for address in each.get("ip-addresses", ())
            ],
        }
        for each in said
    ]


def _file_systems(said: Any) -> JsonValue:
    return [
        {
            "mountpoint": str(each["mountpoint"]),
            "type": str(each["type"]),
            "size": each.get("total-bytes"),
            "used": each.get("used-bytes"),
        }
        for each in sorted(said, key=lambda each: str(each["mountpoint"]))
    ]


def _users(said: Any) -> JsonValue:
    return [str(each["user"]) for each in said]


def _time_zone(said: Any) -> JsonValue:
    hours, seconds = divmod(abs(said["offset"]), 3600)
    offset = f"{'-' if said['offset'] < 0 else '+'}{hours:02d}:{seconds // 60:02d}"
    return f"{said['zone']} {offset}" if "zone" in said else offset


_SECTIONS: Final[dict[str, tuple[str, Callable[[Any], JsonValue]]]] = {
    "host-name": ("guest-get-host-name", _host_name),
    "system": ("guest-get-osinfo", _system),
    "time-zone": ("guest-get-timezone", _time_zone),
    "cpus": ("guest-get-vcpus", _cpus),
    "interfaces": ("guest-network-get-interfaces", _interfaces),
    "file-systems": ("guest-get-fsinfo", _file_systems),
    "users": ("guest-get-users", _users),
    "frozen": ("guest-fsfreeze-status", lambda said: said == "frozen"),
}
