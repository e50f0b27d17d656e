"""Facts about a QMP server and its machine, from those query commands that the server has.

A server may lack any of these commands, and may answer in other ways than QEMU. Facts without an
answer, or with an answer of unknown form, are left out.
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


class OptionalQueries:
    """Queries to a server that may not have the commands for them.

    Args:
        client: The connection.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.commands: frozenset[str] | None = None
        answer = self.ask("query-commands")
        if isinstance(answer, list):
            self.commands = frozenset(
                str(each["name"]) for each in answer if isinstance(each, dict) and "name" in each
            )

    def ask(self, command: str, arguments: JsonObject | None = None) -> Any:
        """Return a command's return value; None if the server doesn't have it, or refuses."""
        if self.commands is not None and command not in self.commands:
            return None
        try:
            return self._client.execute(command, arguments)
        except CommandError:
            return None

    def jobs(self) -> list[JobState] | None:
        """Return the states of the jobs; None if the server has no command for them."""
        if self.commands is not None and self.commands.isdisjoint(_JOBS):
            return None
        try:
            return job_states(self._client, self._client.command_timeout)
        except CommandError:
            return None

    def property(self, path: str, name: str) -> Any:
        """Return a property of a QOM object; None if there is no such object or property."""
        return self.ask("qom-get", {"path": path, "property": name})


def machine_facts(client: Client) -> JsonObject:
    """Return all facts about a server, as one object."""
    queries = OptionalQueries(client)
    facts: JsonObject = {"kind": _kind(queries)}
    for name, ask in _SECTIONS.items():
        try:
            value = ask(queries)
        except UNREADABLE:
            continue  # the answer isn't in QEMU's form
        if value is not None:
            facts[name] = value
    return facts


def _kind(queries: OptionalQueries) -> str:
    commands = queries.commands
    # A storage daemon has QEMU's block commands, and none about CPUs.
    if commands is None or "query-cpus-fast" in commands or "query-cpus" in commands:
        return "machine"
    return "storage-daemon" if "blockdev-add" in commands else "server"


def _version(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-version")
    if answer is None:
        return None
    qemu = answer["qemu"]
    return {
        "version": ".".join(str(qemu[part]) for part in ("major", "minor", "micro")),
        "package": str(answer.get("package", "")),
    }


def _status(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-status")
    return None if answer is None else str(answer["status"])


def _member(command: str, member: str) -> Callable[[OptionalQueries], JsonValue]:
    return lambda queries: (queries.ask(command) or {}).get(member)


def _uuid(queries: OptionalQueries) -> JsonValue:
    uuid = (queries.ask("query-uuid") or {}).get("UUID")
    return None if uuid is None or not uuid.strip("0-") else str(uuid)


def _machine(queries: OptionalQueries) -> JsonValue:
    machine = queries.property("/machine", "type")
    return None if machine is None else str(machine).removesuffix("-machine")


def _accelerator(queries: OptionalQueries) -> JsonValue:
    accelerators = queries.ask("query-accelerators")  # since 10.2
    if accelerators is not None:
        return str(accelerators["enabled"])
    return "kvm" if _kvm(queries) else None


def _kvm(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-kvm")
    return None if answer is None else bool(answer["enabled"])


def _cpus(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-cpus-fast")
    if answer is None:
        answer = queries.ask("query-cpus")  # before 2.12
    if answer is None:
        return None
    cpus: JsonObject = {"count": len(answer)}
    path = answer[0].get("qom-path", answer[0].get("qom_path")) if answer else None
    model = None if path is None else queries.property(path, "type")
    if model is not None:
        cpus["model"] = _CPU_TYPE.sub("", str(model))
    topology = queries.property("/machine", "smp")
    if isinstance(topology, dict):
        cpus["topology"] = {
            level: topology[level] for level in _TOPOLOGY if isinstance(topology.get(level), int)
        }
        if isinstance(topology.get("maxcpus"), int):
            cpus["most"] = topology["maxcpus"]
    cpus["threads"] = [each.get("thread-id", each.get("thread_id")) for each in answer]
    return cpus


def _memory(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-memory-size-summary")
    if answer is None:
        return None
    memory: JsonObject = {"base": answer["base-memory"]}
    if answer.get("plugged-memory"):
        memory["plugged"] = answer["plugged-memory"]
    balloon = queries.ask("query-balloon")
    if balloon is not None:
        memory["balloon"] = balloon["actual"]
    return memory


# Disks


def _disks(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-block")
    return None if answer is None else [_disk(each) for each in answer]


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
    """Return the name of the device at a QOM path; "" for an empty path.

    A virtio disk's path ends in "/virtio-backend", below the device that has the name.
    """
    parts = [part for part in path.split("/") if part not in ("", "virtio-backend")]
    return parts[-1] if parts else ""


def _node(node: dict[str, Any]) -> JsonObject:
    """Return the main facts about a block node, or about the medium of a drive."""
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


def _nodes(queries: OptionalQueries) -> JsonValue:
    """Return the block nodes of a server that has no drives."""
    if _kind(queries) == "machine":
        return None
    answer = queries.ask("query-named-block-nodes", {"flat": True})
    return None if answer is None else [_node(each) for each in answer]


def _exports(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-block-exports")
    if not answer:
        return None
    return [
        {"id": str(each["id"]), "type": str(each["type"]), "node": str(each.get("node-name", ""))}
        for each in answer
    ]


# Networks


def nics(queries: OptionalQueries) -> list[JsonObject] | None:
    """Return the NICs of a machine with their backends; None if the server can't list them."""
    text = queries.ask("human-monitor-command", INFO_NETWORK)
    if isinstance(text, str):
        return list(_nics_of(text))
    answer = queries.ask("query-rx-filter")
    if answer is None:
        return None
    return [{"name": str(each["name"]), "mac": str(each["main-mac"])} for each in answer]


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


def _chardevs(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-chardev")
    if answer is None:
        return None
    return [
        {
            "label": str(each["label"]),
            "filename": str(each.get("filename", "")),
            "open": bool(each.get("frontend-open", True)),
        }
        for each in sorted(answer, key=lambda each: str(each["label"]))
    ]


def _jobs(queries: OptionalQueries) -> JsonValue:
    jobs = queries.jobs()
    return None if jobs is None else [job.message() for job in jobs]


def _migration(queries: OptionalQueries) -> JsonValue:
    answer = queries.ask("query-migrate")
    if not answer or answer.get("status", "none") == "none":
        return None
    return migration_entry(answer).message()


def _displays(queries: OptionalQueries) -> JsonValue:
    found: list[JsonValue] = []
    for kind in ("vnc", "spice"):
        answer = queries.ask(f"query-{kind}")
        if answer is not None and answer.get("enabled"):
            place = f"{answer.get('host', '')}:{answer.get('service', answer.get('port', ''))}"
            found.append({"type": kind, "address": place})
    return found or None


_SECTIONS: Final[dict[str, Callable[[OptionalQueries], JsonValue]]] = {
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
    "nics": lambda queries: None if (found := nics(queries)) is None else [*found],
    "displays": _displays,
    "chardevs": _chardevs,
    "jobs": _jobs,
    "migration": _migration,
}
