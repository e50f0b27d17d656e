"""Facts about a guest, from those commands that its agent has."""

from collections.abc import Callable
from typing import Any, Final

from qmpeer.client import GuestAgent
from qmpeer.client.answers import UNREADABLE
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject, JsonValue


def agent_facts(agent: GuestAgent) -> JsonObject:
    """Return all facts about an agent and its guest, as one object."""
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
            continue  # this guest doesn't have it, or the answer's form is unknown
        if value is not None:
            facts[name] = value
    return facts


def _host_name(answer: Any) -> JsonValue:
    return str(answer["host-name"])


def _system(answer: Any) -> JsonValue:
    return {
        "name": str(answer.get("pretty-name", answer.get("name", ""))),
        "kernel": str(answer.get("kernel-release", "")),
        "architecture": str(answer.get("machine", "")),
    }


def _cpus(answer: Any) -> JsonValue:
    return {"count": len(answer), "online": sum(bool(each["online"]) for each in answer)}


def _interfaces(answer: Any) -> JsonValue:
    return [
        {
            "name": str(each["name"]),
            "mac": str(each.get("hardware-address", "")),
            "addresses": [
                f"{address['ip-address']}/{address['prefix']}"
                for address in each.get("ip-addresses", ())
            ],
        }
        for each in answer
    ]


def _file_systems(answer: Any) -> JsonValue:
    return [
        {
            "mountpoint": str(each["mountpoint"]),
            "type": str(each["type"]),
            "size": each.get("total-bytes"),
            "used": each.get("used-bytes"),
        }
        for each in sorted(answer, key=lambda each: str(each["mountpoint"]))
    ]


def _users(answer: Any) -> JsonValue:
    return [str(each["user"]) for each in answer]


def _time_zone(answer: Any) -> JsonValue:
    hours, seconds = divmod(abs(answer["offset"]), 3600)
    offset = f"{'-' if answer['offset'] < 0 else '+'}{hours:02d}:{seconds // 60:02d}"
    return f"{answer['zone']} {offset}" if "zone" in answer else offset


_SECTIONS: Final[dict[str, tuple[str, Callable[[Any], JsonValue]]]] = {
    "host-name": ("guest-get-host-name", _host_name),
    "system": ("guest-get-osinfo", _system),
    "time-zone": ("guest-get-timezone", _time_zone),
    "cpus": ("guest-get-vcpus", _cpus),
    "interfaces": ("guest-network-get-interfaces", _interfaces),
    "file-systems": ("guest-get-fsinfo", _file_systems),
    "users": ("guest-get-users", _users),
    "frozen": ("guest-fsfreeze-status", lambda answer: answer == "frozen"),
}
