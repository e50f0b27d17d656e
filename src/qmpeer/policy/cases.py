"""The cases of a policy: commands with the verdict that they must get."""

import posixpath
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from qmpeer.policy.mistakes import did_you_mean
from qmpeer.policy.rules import Decision, PolicyClient, Who
from qmpeer.policy.who_tables import example_client, group_number, user_number
from qmpeer.toml.items import Item
from qmpeer.values import JsonObject

_KEYS: Final = ("as", "command", "event", "verdict", "rule", "nodes", "fd-sets")
_CLIENT: Final = ("listener", "uid", "gid", "certificate")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    Attributes:
        place: Where it stands.
        who: The client, as the file names it.
        client: The client.
        command: The command: a text as people write it, or an object with execute and arguments.
        event: The event; one of both is None.
        decision: The verdict that is expected.
        rule: The rule that must decide; None for any.
        facts: What the conditions are told about the host.
    """

    place: str
    who: str
    client: PolicyClient
    command: str | JsonObject | None = None
    event: str | None = None
    decision: Decision
    rule: str | None = None
    facts: "SupposedFacts"


class SupposedFacts(msgspec.Struct, frozen=True):
    """Facts that are supposed, where no server is asked.

    Attributes:
        nodes: The files of block nodes and devices.
        fd_sets: The client's own sets of descriptors.
    """

    nodes: Mapping[str, str] = {}
    fd_sets: frozenset[int] = frozenset()

    def under(self, path: str, folder: str) -> str | None:
        """Return None if a path lies under a folder, supposing that there are no links."""
        is_plain = path.startswith("/") and not path.startswith("/dev/fdset/")
        whole, base = posixpath.normpath(path), posixpath.normpath(folder)
        if is_plain and whole.startswith(base.rstrip("/") + "/"):
            return None
        return f'found "{path}", expected a path under {folder}'

    def node_file(self, name: str) -> str | None:
        """Return the file of a block node or device; None if it has none."""
        return self.nodes.get(name)

    def node_driver(self, name: str) -> str | None:
        """Return the driver of a block node: "file" for each that is supposed."""
        return "file" if name in self.nodes else None

    def owns_fd_set(self, number: int) -> bool:
        """Return True if a set of descriptors is the client's own."""
        return number in self.fd_sets

    def head(self, path: str, size: int) -> bytes | None:
        """Return the first bytes of a file: None, as if there were none."""
        return None


def read_case(
    item: Item, who: Mapping[str, Who], rules: Collection[str], events: Collection[str]
) -> Case:
    """Read one table ``[[case]]``.

    Args:
        item: The table.
        who: The tables of clients that it may name.
        rules: The names of the rules.
        events: The names of the events.

    Raises:
        PolicyError: If it is wrong.
    """
    keys = item.table(_KEYS, required=("as", "verdict"))
    if ("command" in keys) == ("event" in keys):
        raise item.refused("expected either command or event")
    command: str | JsonObject | None = None
    if "command" in keys:
        command = _command(keys["command"])
    if "event" in keys and keys["event"].text() not in events:
        name = keys["event"].text()
        hint = did_you_mean(name, events)
        raise keys["event"].refused(f'found "{name}", which is no known event{hint}')
    if "rule" in keys and keys["rule"].text() not in rules:
        name = keys["rule"].text()
        raise keys["rule"].refused(f'found "{name}", which is no rule{did_you_mean(name, rules)}')
    named, client = _client(keys["as"], who)
    return Case(
        place=str(item.place),
        who=named,
        client=client,
        command=command,
        event=keys["event"].text() if "event" in keys else None,
        decision=Decision(keys["verdict"].text(*(each.value for each in Decision))),
        rule=keys["rule"].text() if "rule" in keys else None,
        facts=_facts(keys),
    )


def _command(item: Item) -> str | JsonObject:
    if isinstance(item.value, str):
        if not item.value.strip():
            raise item.refused("found nothing, expected a command")
        return item.value
    keys = item.table(("execute", "arguments"), required=("execute",))
    keys["execute"].text()
    if "arguments" in keys:
        keys["arguments"].json_object()
    return item.json_object()


def _client(item: Item, who: Mapping[str, Who]) -> tuple[str, PolicyClient]:
    if isinstance(item.value, str):
        if item.value in who:
            return item.value, example_client(who[item.value])
        hint = did_you_mean(item.value, who)
        raise item.refused(f'found "{item.value}", which is no table [who.…]{hint}')
    keys = item.table(_CLIENT)
    client = PolicyClient(
        listener=keys["listener"].text() if "listener" in keys else "",
        uid=_id(keys["uid"], user_number(str(keys["uid"].value))) if "uid" in keys else None,
        gid=_id(keys["gid"], group_number(str(keys["gid"].value))) if "gid" in keys else None,
        certificate=keys["certificate"].text() if "certificate" in keys else None,
    )
    return ",".join(f"{key}={each.value}" for key, each in keys.items()), client


def _id(item: Item, found: int | None) -> int:
    if isinstance(item.value, str):
        if found is None:
            raise item.refused(f'found "{item.value}", which this machine doesn\'t know')
        return found
    return item.integer()


def _facts(keys: Mapping[str, Item]) -> SupposedFacts:
    nodes = keys["nodes"].any_table() if "nodes" in keys else {}
    sets = keys["fd-sets"].array() if "fd-sets" in keys else []
    return SupposedFacts(
        {name: each.text() for name, each in nodes.items()},
        frozenset(each.integer() for each in sets),
    )
