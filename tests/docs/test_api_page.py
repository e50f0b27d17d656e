"""The page of the Python API: it lists exactly the public names."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
PUBLIC = ("qmpeer", "qmpeer.client", "qmpeer.monitor", "qmpeer.bindings", "qmpeer.sources")
"""Rooms whose every name is promised; of other rooms the page chooses."""
_DIRECTIVE = re.compile(
    r"\.\. auto(?P<kind>class|function|module|data):: (?P<name>[\w.]+)\n"
    r"(?:   :members:(?P<members>[^\n]*)\n)?"
)


def entries() -> Iterator[tuple[str, Any, str | None]]:
    """Yield the page's entries: the name, the object, and the listed members."""
    for found in _DIRECTIVE.finditer(PAGE.read_text()):
        name = found["name"]
        if found["kind"] == "module":
            yield name, import_module(name), found["members"]
        else:
            room, _, last = name.rpartition(".")
            yield name, getattr(import_module(room), last), found["members"]


LISTED = {name: (what, members) for name, what, members in entries()}


def test_it_lists_each_name_once() -> None:
    names = [name for name, _, _ in entries()]
    assert len(names) == len(set(names))
    assert len(names) > 40


@pytest.mark.parametrize("room", PUBLIC)
def test_every_public_name(room: str) -> None:
    module = import_module(room)
    listed = [what for what, _ in LISTED.values()]
    listed += [
        vars(errors)[name]
        for errors in listed
        if inspect.ismodule(errors)
        for name in getattr(errors, "__all__", ())
    ]
    missing = [
        name
        for name in module.__all__
        if not name.startswith("__")
        and f"{room}.{name}" not in LISTED
        and not any(getattr(module, name) is what for what in listed)
    ]
    assert missing == []


WITH_MEMBERS = {name: entry for name, entry in LISTED.items() if entry[1] and entry[1].strip()}


@pytest.mark.parametrize("name", WITH_MEMBERS)
def test_every_member(name: str) -> None:
    what, members = WITH_MEMBERS[name]
    assert members is not None
    public = {
        member
        for kind in what.__mro__
        if kind.__module__.startswith("qmpeer")
        for member, value in vars(kind).items()
        if not member.startswith("_")
        and (callable(value) or isinstance(value, property | classmethod | staticmethod))
    }
    assert set(members.replace(" ", "").split(",")) == public
