"""The pages of the Python API: together they list every public name, each of them once."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "api"
PAGES = sorted(FOLDER.glob("*.md"))
LEFT_OUT = {
    "qmpeer.messages": {
        # What the two ends are made of; a user of qmpeer sees a Greeting and an Event.
        "CAPABILITIES", "CAPABILITIES_COMMAND", "TYPING", "Incoming", "IncomingError",
        "command_message", "echoed", "error_message", "error_response", "event_message",
        "found_instead", "greeting_message", "is_out_of_band", "look_of", "near_names",
        "parse_command", "parse_greeting", "parse_message", "return_message", "shown", "shown_text",
        "unexpected_member", "version_value",
    },
    "qmpeer.recording": {"dated_title", "open_private", "read_bounded"},
    "qmpeer.transcript": {"too_long"},
}  # fmt: skip
"""By room, names that other rooms need, and a user doesn't."""
PUBLIC = (
    "qmpeer",
    "qmpeer.audit",
    "qmpeer.bindings",
    "qmpeer.chardev",
    "qmpeer.client",
    "qmpeer.codegen",
    "qmpeer.conformance",
    "qmpeer.effects",
    "qmpeer.errors",
    "qmpeer.fake_qemu",
    "qmpeer.faults",
    "qmpeer.keyboard",
    "qmpeer.messages",
    "qmpeer.monitor",
    "qmpeer.policy",
    "qmpeer.recording",
    "qmpeer.relay",
    "qmpeer.replay",
    "qmpeer.schema",
    "qmpeer.script",
    "qmpeer.sources",
    "qmpeer.testing",
    "qmpeer.transcript",
    "qmpeer.transport",
)
_DIRECTIVE = re.compile(
    r"^\.\. (?:auto|py:)(?:class|exception|function|data):: "
    r"(?P<names>[\w.]+(?:\n {13}[\w.]+)*)\n"
    r"(?:   :members:(?P<members>[^\n]*)\n)?",
    re.MULTILINE,
)


_MEMBER = re.compile(r"^\.\. auto(?:method|property):: ([\w.]+)\.(\w+)$", re.MULTILINE)
"""A member that has its entry on another page than its class."""


class Entry(NamedTuple):
    page: str
    name: str
    members: str | None

    @property
    def what(self) -> Any:
        room, _, last = self.name.rpartition(".")
        return getattr(import_module(room), last)


def entries() -> Iterator[Entry]:
    for page in PAGES:
        for found in _DIRECTIVE.finditer(page.read_text()):
            for name in found["names"].split():
                yield Entry(page.name, name, found["members"])


ENTRIES = list(entries())


def test_each_is_on_one_page_once() -> None:
    names = [entry.name for entry in ENTRIES]
    assert sorted(names) == sorted(set(names))
    classes = [entry.what for entry in ENTRIES if isinstance(entry.what, type)]
    assert len(classes) == len(set(classes))
    assert len(names) > 100


@pytest.mark.parametrize("room", PUBLIC)
def test_every_public_name(room: str) -> None:
    module = import_module(room)
    listed = [entry.what for entry in ENTRIES]
    names = {entry.name for entry in ENTRIES}
    missing = {
        name
        for name in module.__all__
        if not name.startswith("__")
        and f"{room}.{name}" not in names
        and not any(getattr(module, name) is what for what in listed)
    }
    assert missing == LEFT_OUT.get(room, set())


ELSEWHERE: dict[str, list[str]] = {}
for page in PAGES:
    for owner, member in _MEMBER.findall(page.read_text()):
        ELSEWHERE.setdefault(owner, []).append(member)
WITH_MEMBERS = {e.name: e for e in ENTRIES if e.members and e.members.strip()}


@pytest.mark.parametrize("name", WITH_MEMBERS)
def test_every_member(name: str) -> None:
    entry = WITH_MEMBERS[name]
    assert entry.members is not None
    public = {
        member
        for kind in entry.what.__mro__
        if kind.__module__.startswith("qmpeer")
        for member, value in vars(kind).items()
        if not member.startswith("_")
        and (callable(value) or isinstance(value, property | classmethod | staticmethod))
    }
    listed = entry.members.replace(" ", "").split(",") + ELSEWHERE.get(name, [])
    assert len(listed) == len(set(listed))
    assert set(listed) == public


def test_the_index_lists_all_pages() -> None:
    text = (FOLDER / "index.md").read_text()
    listed = [name for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
              for name in re.findall(r"^([\w-]+)$", block, re.MULTILINE)]  # fmt: skip
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "index")
