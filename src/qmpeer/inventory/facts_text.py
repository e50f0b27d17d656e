"""The facts about a server or a guest, as lines for people."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from qmpeer.client.answers import UNREADABLE
from qmpeer.display.layout import Layout, size_text

_INDENT: Final = 12
_KINDS: Final = {"machine": "QEMU", "storage-daemon": "QEMU storage daemon"}
_LEVELS: Final = {
    "sockets": "socket", "dies": "die", "clusters": "cluster", "cores": "core",
    "threads": "thread",
}  # fmt: skip

Facts = Mapping[str, Any]
Rows = Iterator[list[str]]


def info_lines(facts: Facts, layout: Layout) -> Iterator[str]:
    """Yield lines that show the facts of `machine_facts` or `agent_facts`."""
    yield layout.palette.paint("heading", layout.fitted(" ".join(_headline(facts))))
    for title, rows_of in _SECTIONS.items():
        try:
            rows = [[str(cell) for cell in row] for row in rows_of(facts)]
        except UNREADABLE:
            continue  # the answer isn't in QEMU's form
        if rows:
            yield from layout.section(title, rows, _INDENT)


def _headline(facts: Facts) -> Iterator[str]:
    if facts["kind"] == "guest-agent":
        yield f"guest agent {facts['version']}"
        yield f"({len(facts['commands'])} commands, {len(facts['disabled'])} disabled)"
        return
    yield _KINDS.get(facts["kind"], "QMP server")
    version = facts.get("qemu")
    if version is not None:
        yield version["version"]
        if version["package"]:
            yield f"({version['package'].strip()})"
    if "status" in facts:
        yield f"is {facts['status']}"


def _plain(name: str) -> Callable[[Facts], Rows]:
    def rows(facts: Facts) -> Rows:
        if facts.get(name):
            yield [str(facts[name])]

    return rows


def _each(name: str, *members: str) -> Callable[[Facts], Rows]:
    return lambda facts: ([each[member] for member in members] for each in facts.get(name, ()))


def _machine(facts: Facts) -> Rows:
    parts = [facts[name] for name in ("machine", "target", "accelerator") if facts.get(name)]
    if facts.get("kvm") is False and "accelerator" not in facts:
        parts.append("no KVM")
    if parts:
        yield [", ".join(map(str, parts))]


def _system(facts: Facts) -> Rows:
    if "system" in facts:
        system = facts["system"]
        kernel = " ".join(filter(None, (system["kernel"], system["architecture"])))
        yield [", ".join(filter(None, (system["name"], kernel)))]


def _cpus(facts: Facts) -> Rows:
    cpus = facts.get("cpus")
    if cpus is None:
        return
    text = str(cpus["count"])
    if cpus.get("model"):
        text += f" × {cpus['model']}"
    levels = [(n, _LEVELS[level]) for level, n in cpus.get("topology", {}).items() if n > 1]
    if levels:
        text += f" ({' × '.join(f'{n} {level}s' for n, level in levels)})"
    if cpus.get("most", 0) > cpus["count"]:
        text += f", up to {cpus['most']}"
    if cpus.get("online", cpus["count"]) != cpus["count"]:
        text += f", {cpus['online']} online"
    yield [text]


def _memory(facts: Facts) -> Rows:
    memory = facts.get("memory")
    if memory is None:
        return
    text = size_text(memory["base"])
    if "plugged" in memory:
        text += f" + {size_text(memory['plugged'])} plugged"
    if memory.get("balloon", memory["base"]) != memory["base"]:
        text += f", balloon at {size_text(memory['balloon'])}"
    yield [text]


def _disks(facts: Facts) -> Rows:
    for disk in facts.get("disks", ()):
        yield [disk["name"], *_medium(disk)]


def _nodes(facts: Facts) -> Rows:
    for node in facts.get("nodes", ()):
        yield [node["node"], *_medium(node)]


def _medium(disk: Facts) -> list[str]:
    if "format" not in disk:
        return ["(empty)"]
    signs = [
        "read-only" if disk["read-only"] else "",
        f"over {disk['backing']}" if "backing" in disk else "",
        f"I/O status {disk['io-status']}" if "io-status" in disk else "",
    ]
    notes = ", ".join(filter(None, signs))
    sizes = size_text(disk.get("size"))
    if "used" in disk:
        sizes += f", {size_text(disk['used'])} used"
    return [disk["format"], sizes, disk["file"] + (f" ({notes})" if notes else "")]


def _nics(facts: Facts) -> Rows:
    for nic in facts.get("nics", ()):
        backend = nic.get("backend", {})
        kind = " ".join(filter(None, (backend.get("type"), backend.get("interface"))))
        behind = f"{backend['id']} ({kind})" if backend else "(not connected)"
        yield [nic["name"], nic.get("model", ""), nic["mac"], behind]


def _chardevs(facts: Facts) -> Rows:
    for chardev in facts.get("chardevs", ()):
        yield [chardev["label"], chardev["filename"] + ("" if chardev["open"] else " (closed)")]


def _jobs(facts: Facts) -> Rows:
    for job in facts.get("jobs", ()):
        yield [job["id"], job["type"], *_progress(job)]


def _migration(facts: Facts) -> Rows:
    if "migration" in facts:
        yield _progress(facts["migration"])


def _progress(job: Facts) -> list[str]:
    done, total = job["current-progress"], job["total-progress"]
    share = f"{done / total:.0%}" if total > 0 else ""
    return [job["status"], share, job.get("error", job.get("stop-reason", ""))]


def _interfaces(facts: Facts) -> Rows:
    for each in facts.get("interfaces", ()):
        yield [each["name"], each["mac"], " ".join(each["addresses"])]


def _file_systems(facts: Facts) -> Rows:
    for each in facts.get("file-systems", ()):
        sizes = size_text(each["size"])
        if each["used"] is not None:
            sizes += f", {size_text(each['used'])} used"
        yield [each["mountpoint"], each["type"], sizes]


def _users(facts: Facts) -> Rows:
    if facts.get("users"):
        yield [", ".join(facts["users"])]


def _frozen(facts: Facts) -> Rows:
    if facts.get("frozen"):
        yield ["file systems are frozen: qmpeer ga ADDRESS thaw"]


_SECTIONS: Final[dict[str, Callable[[Facts], Rows]]] = {
    "name": _plain("name"),
    "host": _plain("host-name"),
    "uuid": _plain("uuid"),
    "machine": _machine,
    "system": _system,
    "time zone": _plain("time-zone"),
    "CPUs": _cpus,
    "memory": _memory,
    "disks": _disks,
    "nodes": _nodes,
    "exports": _each("exports", "id", "type", "node"),
    "NICs": _nics,
    "interfaces": _interfaces,
    "mounted": _file_systems,
    "displays": _each("displays", "type", "address"),
    "chardevs": _chardevs,
    "jobs": _jobs,
    "migration": _migration,
    "users": _users,
    "frozen": _frozen,
}
