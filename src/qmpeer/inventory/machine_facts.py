"""What a QMP server is at one look, from whichever query commands it has.

A server need not have any of them, and need not answer as QEMU does: what it doesn't tell, or tells
in a form that isn't known, is left out.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from qmpeer.client import Client
from qmpeer.client.answers import UNREADABLE
from qmpeer.client.blocking.job_run import job_states
from qmpeer.client.jobs import JobState
from qmpeer.client.network_listing import INFO_NETWORK, network_lines
from qmpeer.errors import CommandError
from qmpeer.inventory.job_board import migration_entry
from qmpeer.values import JsonObject, JsonValue

_CPU_TYPE: Final = re.compile(r"(-[a-z0-9_]+)?-cpu$")
_JOBS: Final = ("query-jobs", "query-block-jobs")
_TOPOLOGY: Final = ("sockets", "dies", "clusters", "cores", "threads")


class Asking:
    """A server that is asked for what it can tell.

    Args:
        client: The connection.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.commands: frozenset[str] | None = None
        said = self.ask("query-commands")
        if isinstance(said, list):
            self.commands = frozenset(
                str(each["name"]) for each in said if isinstance(each, dict) and "name" in each
            )

    def ask(self, command: str, arguments: JsonObject | None = None) -> Any:
        """Return the value of a command; None if the server doesn't have it, or refuses."""
        if self.commands is not None and command not in self.commands:
            return None
        try:
            return self._client.execute(command, arguments)
        except CommandError:
            return None

    def jobs(self) -> list[JobState] | None:
        """Return how its jobs stand; None if it doesn't tell."""
        if self.commands is not None and self.commands.isdisjoint(_JOBS):
            return None
        try:
            return job_states(self._client, self._client.command_timeout)
        except CommandError:
            return None

    def property(self, path: str, name: str) -> Any:
        """Return a property of a QOM object, None if there isn't one."""
        return self.ask("qom-get", {"path": path, "property": name})


def machine_facts(client: Client) -> JsonObject:
    """Return all that a server tells of what it is, in one object."""
    asking = Asking(client)
    facts: JsonObject = {"kind": _kind(asking)}
    for name, ask in _SECTIONS.items():
        try:
            value = ask(asking)
        except UNREADABLE:
            continue  # it isn't QEMU's answer
        if value is not None:
            facts[name] = value
    return facts


def _kind(asking: Asking) -> str:
    commands = asking.commands
    if commands is None or "query-cpus-fast" in commands or "query-cpus" in commands:
        return "machine"
    return "storage-daemon" if "blockdev-add" in commands else "server"


def _version(asking: Asking) -> JsonValue:
    said = asking.ask("query-version")
    if said is None:
        return None
    qemu = said["qemu"]
    return {
        "version": ".".join(str(qemu[part]) for part in ("major", "minor", "micro")),
        "package": str(said.get("package", "")),
    }


def _status(asking: Asking) -> JsonValue:
    said = asking.ask("query-status")
    return None if said is None else str(said["status"])


def _member(command: str, member: str) -> Callable[[Asking], JsonValue]:
    return lambda asking: (asking.ask(command) or {}).get(member)


def _uuid(asking: Asking) -> JsonValue:
    uuid = (asking.ask("query-uuid") or {}).get("UUID")
    return None if uuid is None or not uuid.strip("0-") else str(uuid)


def _machine(asking: Asking) -> JsonValue:
    machine = asking.property("/machine", "type")
    return None if machine is None else str(machine).removesuffix("-machine")


def _accelerator(asking: Asking) -> JsonValue:
    accelerators = asking.ask("query-accelerators")  # since 10.2
    if accelerators is not None:
        return str(accelerators["enabled"])
    return "kvm" if _kvm(asking) else None


def _kvm(asking: Asking) -> JsonValue:
    said = asking.ask("query-kvm")
    return None if said is None else bool(said["enabled"])


def _cpus(asking: Asking) -> JsonValue:
    said = asking.ask("query-cpus-fast")
    if said is None:
        said = asking.ask("query-cpus")  # before 2.12
    if said is None:
        return None
    cpus: JsonObject = {"count": len(said)}
    path = said[0].get("qom-path", said[0].get("qom_path")) if said else None
    model = None if path is None else asking.property(path, "type")
    if model is not None:
        cpus["model"] = _CPU_TYPE.sub("", str(model))
    topology = asking.property("/machine", "smp")
    if isinstance(topology, dict):
        cpus["topology"] = {
            level: topology[level] for level in _TOPOLOGY if isinstance(topology.get(level), int)
        }
        if isinstance(topology.get("maxcpus"), int):
            cpus["most"] = topology["maxcpus"]
    cpus["threads"] = [each.get("thread-id", each.get("thread_id")) for each in said]
    return cpus


def _memory(asking: Asking) -> JsonValue:
    said = asking.ask("query-memory-size-summary")
    if said is None:
        return None
    memory: JsonObject = {"base": said["base-memory"]}
    if said.get("plugged-memory"):
        memory["plugged"] = said["plugged-memory"]
    balloon = asking.ask("query-balloon")
    if balloon is not None:
        memory["balloon"] = balloon["actual"]
    return memory


# Disks


def _disks(asking: Asking) -> JsonValue:
    said = asking.ask("query-block")
    return None if said is None else [_disk(each) for each in said]


def _disk(block: dict[str, Any]) -> JsonObject:
    inserted = block.get("inserted")
    device = str(block.get("qdev", ""))
    disk: JsonObject = {"name": str(block.get("device") or device_name(device) or "?")}
    if device:
        disk["device"] = device
    if block.get("removable"):
        disk["removable"] = True
    if inserted is not None:
        disk.update(_node(inserted))
    if block.get("io-status") not in (None, "ok"):
        disk["io-status"] = block["io-status"]
    return disk


def device_name(path: str) -> str:
    """Return the name of the device behind a QOM path; "" if it names none."""
    parts = [part for part in path.split("/") if part not in ("", "virtio-backend")]
    return parts[-1] if parts else ""


def _node(node: dict[str, Any]) -> JsonObject:
    """Return what matters of an element of query-named-block-nodes, or of a drive's medium."""
    image = node.get("image", {})
    facts: JsonObject = {
        "node": str(node.get("node-name", "")),
        "format": str(node["drv"]),
        "file": str(image.get("filename") or node.get("file", "")),
        "read-only": bool(node.get("ro")),
    }
    for name, member in (("size", "virtual-size"), ("used", "actual-size")):
        if isinstance(image.get(member), int):
            facts[name] = image[member]
    if image.get("backing-filename"):
        facts["backing"] = str(image["backing-filename"])
    return facts


def _nodes(asking: Asking) -> JsonValue:
    """Return the block nodes of a server that has no drives."""
    if _kind(asking) == "machine":
        return None
    said = asking.ask("query-named-block-nodes", {"flat": True})
    return None if said is None else [_node(each) for each in said]


def _exports(asking: Asking) -> JsonValue:
    said = asking.ask("query-block-exports")
    if not said:
        return None
    return [
        {"id": str(each["id"]), "type": str(each["type"]), "node": str(each.get("node-name", ""))}
        for each in said
    ]


# Networks


def nics(asking: Asking) -> list[JsonObject] | None:
    """Return the NICs of a machine, each with what is behind it."""
    text = asking.ask("human-monitor-command", INFO_NETWORK)
    if isinstance(text, str):
        return list(_nics_of(text))
    said = asking.ask("query-rx-filter")
    if said is None:
        return None
    return [{"name": str(each["name"]), "mac": str(each["main-mac"])} for each in said]


def _nics_of(text: str) -> Iterator[JsonObject]:
    nic: JsonObject | None = None
    for line in network_lines(text):
        options = line.options
        if line.kind == "nic":
            if nic is not None:
                yield nic
            model, mac = options.get("model", ""), options.get("macaddr", "")
            nic = {"name": line.name, "model": model, "mac": mac}
        elif line.is_backend and nic is not None:
            backend: JsonObject = {"id": line.name, "type": line.kind}
            if "ifname" in options:
                backend["interface"] = options["ifname"]
            nic["backend"] = backend
    if nic is not None:
        yield nic


# The rest


def _chardevs(asking: Asking) -> JsonValue:
    said = asking.ask("query-chardev")
    if said is None:
        return None
    return [
        {
            "label": str(each["label"]),
            "filename": str(each.get("filename", "")),
            "open": bool(each.get("frontend-open", True)),
        }
        for each in sorted(said, key=lambda each: str(each["label"]))
    ]


def _jobs(asking: Asking) -> JsonValue:
    jobs = asking.jobs()
    return None if jobs is None else [job.message() for job in jobs]


def _migration(asking: Asking) -> JsonValue:
    said = asking.ask("query-migrate")
    if not said or said.get("status", "none") == "none":
        return None
    return migration_entry(said).message()


def _displays(asking: Asking) -> JsonValue:
    found: list[JsonValue] = []
    for kind in ("vnc", "spice"):
        said = asking.ask(f"query-{kind}")
        if said is not None and said.get("enabled"):
            place = f"{said.get('host', '')}:{said.get('service', said.get('port', ''))}"
            found.append({"type": kind, "address": place})
    return found or None


_SECTIONS: Final[dict[str, Callable[[Asking], JsonValue]]] = {
    "qemu": _version,
    "status": _status,
    "name": _member("query-name", "name"),
    "uuid": _uuid,
    "machine": _machine,
    "target": _member("query-target", "arch"),
    "accelerator": _accelerator,
    "kvm": _kvm,
    "cpus": _cpus,
    "memory": _memory,
    "disks": _disks,
    "nodes": _nodes,
    "exports": _exports,
    "nics": lambda asking: None if (found := nics(asking)) is None else [*found],
    "displays": _displays,
    "chardevs": _chardevs,
    "jobs": _jobs,
    "migration": _migration,
}
