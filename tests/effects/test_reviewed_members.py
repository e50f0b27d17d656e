"""Members that sound like paths, addresses and programs: sensitive, or harmless for a reason.

Modules: groups.
"""

import re
from collections.abc import Iterator

import pytest

from qmpeer.effects import effects_of, sensitive_members
from qmpeer.schema import Schema
from qmpeer.schema.flattened import shape_of
from qmpeer.schema.model import (
    AlternateDefinition,
    Array,
    CommandDefinition,
    StructDefinition,
    UnionDefinition,
)
from qmpeer.values import JsonValue
from tests.corpus import (
    MACHINE_TREE,
    RECORDINGS,
    SMALL_RECORDINGS,
    SMALL_TREES,
    TREES,
    own_and_real,
    qapi_schema,
    recorded_schema,
)

WORDS = """
    addr address arg args backing br certs chardev cmd command conf config connect cookie creds
    destination dev device dir dst evdev exec export fd fds file filename folder fqdn handle helper
    host hostname ifname image interface listen location log logfile mcast mountpoint path paths
    pool port portal program protocol romfile script server service smb sock socket source src
    target template tftp uri url volume
"""
SOUNDS = frozenset(WORDS.split())
PARTS = ("path", "file", "url", "uri", "script", "exec")
"""The words, and the parts of words, that make a member's name suspect."""

NODE = "the name of a node or a device that exists"
IN_QOM = "a path in the tree of objects, not of the host"
NUMBER = "a number"
SWITCH = "a switch"
HARMLESS = {
    "backing": f"{NODE}, or null; an object's members are looked at one by one",
    "backing-mask-protocol": "a switch that keeps a name out of an image",
    "cxl-add-dynamic-capacity.host-id": NUMBER,
    "cxl-add-dynamic-capacity.path": IN_QOM,
    "cxl-inject-correctable-error.path": IN_QOM,
    "cxl-inject-dram-event.log": "one of the device's own logs",
    "cxl-inject-dram-event.path": IN_QOM,
    "cxl-inject-dram-event.descriptor": NUMBER,
    "cxl-inject-general-media-event.descriptor": NUMBER,
    "cxl-inject-general-media-event.device": NUMBER,
    "cxl-inject-general-media-event.log": "one of the device's own logs",
    "cxl-inject-general-media-event.path": IN_QOM,
    "cxl-inject-memory-module-event.log": "one of the device's own logs",
    "cxl-inject-memory-module-event.path": IN_QOM,
    "cxl-inject-poison.path": IN_QOM,
    "cxl-inject-uncorrectable-errors.path": IN_QOM,
    "cxl-release-dynamic-capacity.host-id": NUMBER,
    "cxl-release-dynamic-capacity.path": IN_QOM,
    "data-file": f"{NODE}; an object's members are looked at one by one",
    "data-file-raw": SWITCH,
    "description": "a text for NBD clients",
    "device": NODE,
    "file": f"{NODE}; an object's members are looked at one by one",
    "guest-file-close.handle": "a file that guest-file-open has opened",
    "guest-file-flush.handle": "a file that guest-file-open has opened",
    "guest-file-read.handle": "a file that guest-file-open has opened",
    "guest-file-seek.handle": "a file that guest-file-open has opened",
    "guest-file-write.handle": "a file that guest-file-open has opened",
    "host-nodes": "numbers of NUMA nodes",
    "discard-source": SWITCH,
    "image-node-name": NODE,
    "log-size": NUMBER,
    "on-source-error": "what a job does about an error",
    "on-target-error": "what a job does about an error",
    "client_migrate_info.protocol": "vnc or spice",
    "expire_password.protocol": "vnc or spice",
    "set_password.protocol": "vnc or spice",
    "qom-get.path": IN_QOM,
    "qom-list.path": IN_QOM,
    "qom-list-get.paths": IN_QOM,
    "query-stats.target": "what is counted",
    "block-dirty-bitmap-merge.target": "a bitmap's name",
    "x-block-dirty-bitmap-merge.target": "a bitmap's name",
    "blockdev-backup.target": NODE,
    "blockdev-mirror.target": NODE,
    "remove-fd.fd": "the number of a descriptor in a set",
    "set-cpu-topology.socket-id": NUMBER,
    "set-numa-node.dst": NUMBER,
    "set-numa-node.socket-id": NUMBER,
    "set-numa-node.src": NUMBER,
    "set-numa-node.target": NUMBER,
    "target-is-zero": SWITCH,
    "template": "a set of checks",
    "thread-pool-max": NUMBER,
    "thread-pool-min": NUMBER,
    "tls-certs": "a switch: the certificates are read again from where they were",
    "x-query-virtio-queue-element.path": IN_QOM,
    "x-query-virtio-queue-status.path": IN_QOM,
    "x-query-virtio-status.path": IN_QOM,
    "x-query-virtio-vhost-queue-status.path": IN_QOM,
    "x-use-canonical-path-for-ramblock-id": SWITCH,
    "xen-event-inject.port": "the guest's own event channel",
}
"""The reviewed members that are not sensitive, in one command or in all, with the reason."""


def is_suspect(name: str) -> bool:
    return not SOUNDS.isdisjoint(re.split("[-_]", name)) or any(part in name for part in PARTS)


def members_of(schema: Schema, command: CommandDefinition) -> Iterator[tuple[str, ...]]:
    """Give the way to each member of a command; what is inside a type, once for each command."""
    seen: set[tuple[str, str]] = set()
    left: list[tuple[str, tuple[str, ...]]] = [(command.arguments or "", ())]
    while left:
        name, path = left.pop()
        found = schema.types.get(name)
        if name.startswith("[") or isinstance(found, Array):
            element = found.element if isinstance(found, Array) else name[1:-1]
            left.append((element, (*path, "*")))
        elif isinstance(found, AlternateDefinition):
            left.extend((branch.type, path) for branch in found.branches)
        elif isinstance(found, StructDefinition | UnionDefinition):
            if (name, path[-1] if path else "") in seen:
                continue
            seen.add((name, path[-1] if path else ""))
            shape = shape_of(schema, found)
            for member in shape.members:
                yield (*path, member.name)
                left.append((member.type, (*path, member.name)))
            left.extend((branch.type, path) for branch in shape.branches)


def is_sensitive(command: str, path: tuple[str, ...]) -> bool:
    effects = effects_of(command)
    assert effects is not None
    value: JsonValue = "x"
    for name in reversed(path):
        value = [value] if name == "*" else {name: value}
    assert isinstance(value, dict)
    return bool([*sensitive_members(effects, value)])


def unreviewed(schema: Schema) -> set[str]:
    """Return the suspect members that are neither sensitive nor known to be harmless."""
    found = set()
    for command in schema.commands():
        if command.name == "transaction" or effects_of(command.name) is None:
            continue  # each action is a command; one that is missing fails another test
        for path in members_of(schema, command):
            name = path[-1]
            if is_suspect(name) and not is_sensitive(command.name, path):
                found.add(name if name in HARMLESS else f"{command.name}.{name}")
    return found


def test_the_machine_and_our_own_schemas_have_nothing_unreviewed() -> None:
    for release, root in (MACHINE_TREE, *SMALL_TREES):
        assert unreviewed(qapi_schema(release, root)) <= HARMLESS.keys()
    for name in SMALL_RECORDINGS:
        assert unreviewed(recorded_schema(name)) <= HARMLESS.keys()


@pytest.mark.parametrize(("release", "root"), own_and_real([], TREES))
def test_each_suspect_member_of_a_release_is_reviewed(release: str, root: str) -> None:
    assert unreviewed(qapi_schema(release, root)) <= HARMLESS.keys()


@pytest.mark.parametrize("name", own_and_real([], RECORDINGS))
def test_each_suspect_member_of_a_recording_is_reviewed(name: str) -> None:
    assert unreviewed(recorded_schema(name)) <= HARMLESS.keys()


def test_a_member_that_nobody_knows_is_sensitive() -> None:
    for command in ("blockdev-add", "chardev-add", "netdev_add", "object-add", "device_add"):
        assert is_sensitive(command, ("new-in-12",))
    for command in ("blockdev-add", "chardev-add", "object-add", "migrate-set-parameters"):
        assert is_sensitive(command, ("a", "*", "new-in-12"))
