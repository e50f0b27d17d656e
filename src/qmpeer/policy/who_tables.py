"""The tables ``[who.NAME]`` of a policy: whom its rules are about.

Names of users and groups become numbers when the file is read, and again when it is read again.
"""

import grp
import pwd
from collections.abc import Callable, Mapping
from typing import Final

from qmpeer.messages.globs import Glob
from qmpeer.policy.mistakes import did_you_mean
from qmpeer.policy.rules import PolicyClient, Who
from qmpeer.toml.items import Item

_CONDITIONS: Final = ("listener", "uid", "gid", "certificate")
_MOST_ID: Final = 2**32 - 2
"""The greatest id of a user or group; the kernel takes the next one for none."""


def read_who(item: Item) -> Who:
    """Read one table.

    Raises:
        PolicyError: If it is wrong.
    """
    keys = item.table(_CONDITIONS)
    if not keys:
        raise item.refused(f"found no condition, expected one of {', '.join(_CONDITIONS)}")
    return Who(
        name=item.key,
        listeners=_globs(keys.get("listener")),
        uids=_ids(keys.get("uid"), "user", user_number),
        gids=_ids(keys.get("gid"), "group", group_number),
        certificates=_globs(keys.get("certificate")),
    )


def named_who(item: Item, tables: Mapping[str, Who]) -> tuple[Who, ...]:
    """Read the names of tables.

    Raises:
        PolicyError: If there is no such table.
    """
    return tuple(_named(each, tables) for each in item.one_or_more())


def user_number(name: str) -> int | None:
    """Return the number of a user; None if there is none of that name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        return None


def group_number(name: str) -> int | None:
    """Return the number of a group; None if there is none of that name."""
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


def example_client(who: Who) -> PolicyClient:
    """Return a client that a table describes."""
    return PolicyClient(
        listener=_example(who.listeners) or "",
        uid=None if who.uids is None else min(who.uids),
        gid=None if who.gids is None else min(who.gids),
        certificate=_example(who.certificates),
    )


def _named(item: Item, tables: Mapping[str, Who]) -> Who:
    name = item.text()
    if name in tables:
        return tables[name]
    hint = did_you_mean(name, tables)
    raise item.refused(f'found "{name}", expected the name of a table such as [who.{name}]{hint}')


def _globs(item: Item | None) -> tuple[Glob, ...] | None:
    return None if item is None else tuple(Glob(each.text()) for each in item.one_or_more())


def _ids(
    item: Item | None, kind: str, number: Callable[[str], int | None]
) -> frozenset[int] | None:
    return (
        None if item is None else frozenset(_id(each, kind, number) for each in item.one_or_more())
    )


def _id(item: Item, kind: str, number: Callable[[str], int | None]) -> int:
    if not isinstance(item.value, str):
        if type(item.value) is int and 0 <= item.value <= _MOST_ID:
            return item.value
        raise item.wrong(f"the name or the number of a {kind}")
    found = number(item.value)
    if found is None:
        raise item.refused(f'found "{item.value}", which is no {kind} of this machine')
    return found


def _example(tests: "tuple[Callable[[str], bool], ...] | None") -> str | None:
    """Return a text that the first pattern takes."""
    for test in tests or ():
        if isinstance(test, Glob):
            return test.text.replace("*", "").replace("?", "x")
    return None
