"""Entries for readers: two records joined, clients by name, conditions.

Modules: entries, selection.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.audit.entries import Entries, Entry, entry_value
from qmpeer.audit.reading import line_blocks
from qmpeer.audit.selection import Selection
from qmpeer.messages import CommandMessage
from tests.audit.logs import ADD, open_log
from tests.fuzzing import tried


async def make(path: Path) -> list[Entry]:
    log = open_log(path)
    log.note("connected", client=1, listener="backup", uid=64055, pid=4711, process="qb")
    log.note("connected", client=2, certificate="CN=ops,O=Example", address="tcp:10.0.0.1:999")
    one = log.begin(1, ADD, rule="disks", fds=1)
    two = log.begin(2, CommandMessage("query-jobs", is_oob=True))
    log.end(two, "return", 0.25)
    log.note("denied", client=1, command=ADD, rule="no", reason="not this one", hidden=False)
    log.end(one, "error", 2.5, "GenericError", "no such file")
    log.note("left", client=1, reason="left")
    log.begin(1, CommandMessage("stop"))
    log.close()
    log = open_log(path)
    log.begin(1, CommandMessage("cont"))
    log.close()
    return read(path)


def read(path: Path) -> list[Entry]:
    entries = Entries()
    found = [each for lines in line_blocks(str(path)) for each in entries.of(lines)]
    found += entries.rest()
    assert entries.skipped == 0
    return found


async def test_entries(tmp_path: Path) -> None:
    found = await make(tmp_path / "vm.audit")

    assert [(each.what, each.command, each.outcome) for each in found] == [
        ("opened", "", ""),
        ("connected", "", ""),
        ("connected", "", ""),
        ("command", "query-jobs", "return"),
        ("denied", "blockdev-add", ""),
        ("command", "blockdev-add", "error"),
        ("left", "", ""),
        ("closed", "", ""),
        ("command", "stop", "unknown"),  # the next proxy ends it
        ("opened", "", ""),
        ("closed", "", ""),
        ("command", "cont", "unknown"),
    ]
    *_, jobs, denied, add, left, _, stop, _, _, cont = found
    assert jobs.name == "CN=ops,O=Example"
    assert jobs.is_oob
    assert (add.name, add.fds, add.rule, add.seconds) == ("backup, qb, uid 64055", 1, "disks", 2.5)
    assert (denied.name, left.name, stop.name, cont.name) == (add.name, add.name, "", "")
    assert denied.facts == {"reason": "not this one", "hidden": False}


async def test_entries_as_json(tmp_path: Path) -> None:
    found = [entry_value(each) for each in await make(tmp_path / "vm.audit")]
    assert found[5] == {
        "number": 4,
        "time": "2026-11-30T00:53:24.000000Z",
        "what": "command",
        "client": 1,
        "name": "backup, qb, uid 64055",
        "command": "blockdev-add",
        "arguments": ADD.arguments,
        "rule": "disks",
        "fds": 1,
        "outcome": "error",
        "seconds": 2.5,
        "class": "GenericError",
        "desc": "no such file",
    }
    assert found[1]["uid"] == 64055
    assert "mac" not in found[1]


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14]),
        ({"clients": ("1",)}, [2, 4, 7, 9, 10, 13]),
        ({"clients": ("*64055",)}, [2, 4, 7, 9]),
        ({"clients": ("backup*", "CN=ops*")}, [2, 3, 4, 5, 7, 9]),
        ({"commands": ("query-*",)}, [5]),
        ({"commands": ("blockdev-add", "cont")}, [4, 7, 13]),
        ({"outcomes": ("error",)}, [4]),
        ({"outcomes": ("denied", "unknown")}, [7, 10, 13]),
        ({"slower": 1.0}, [4]),
        ({"slower": 0.1, "commands": ("*",)}, [4, 5]),
        ({"since": "2026-11-30T00:53:28.000000Z", "until": "2026-11-30T00:53:30.5"}, [9, 10]),
    ],
)
async def test_conditions(
    tmp_path: Path, conditions: dict[str, Any], numbers: Sequence[int]
) -> None:
    chosen = filter(Selection(**conditions).takes, await make(tmp_path / "vm.audit"))
    found = sorted(each.number for each in chosen)
    assert found == list(numbers)


def test_ends_that_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_OPEN", 2)
    line = '{"number":%d,"time":"","what":"begin","client":1,"command":"stop"}'
    entries = Entries()
    found = list(entries.of([(line % number).encode() for number in range(1, 6)]))
    assert [each.number for each in found] == [1, 2, 3]
    assert [each.number for each in entries.rest()] == [4, 5]
    end = b'{"number":9,"time":"","what":"end","begin":1,"outcome":"return","seconds":0}'
    assert list(entries.of([end])) == []


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
MEMBERS = ("number", "time", "what", "client", "command", "arguments", "begin", "outcome", "uid")


@pytest.mark.property
@tried(0.2)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(MEMBERS), ODD).map(json.dumps).map(str.encode)
        | st.binary(max_size=30)
        | st.sampled_from(["begin", "end", "connected"]).map(
            lambda what: f'{{"number":1,"time":"","what":"{what}","client":1}}'.encode()
        ),
        max_size=6,
    )
)
def test_whatever_is_in_a_log(lines: list[bytes]) -> None:
    entries = Entries()
    found = [*entries.of(lines), *entries.rest()]
    assert len(found) + entries.skipped <= len(lines)
    for each in found:
        assert entry_value(each)["number"] == each.number
