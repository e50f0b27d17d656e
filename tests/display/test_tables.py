"""Tables: safe for a terminal, and no wider than it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.display.colours import PLAIN
from qmpeer.display.safe_text import columns
from qmpeer.display.tables import is_tabular, table_text
from tests.display.harmless import is_harmless, json_values
from tests.growth import assert_linear


@given(
    st.lists(
        st.dictionaries(st.text(), json_values, min_size=1, max_size=4), min_size=1, max_size=3
    ),
    st.integers(10, 90),
)
def test_any_table_is_harmless_and_fits(rows: list[dict[str, Any]], width: int) -> None:
    text, _ = table_text(rows, width, PLAIN)

    assert is_harmless(text)
    assert all(columns(line) <= max(width, 20) for line in text.split("\n"))


def test_a_well_known_command_shows_what_matters() -> None:
    rows: Any = [
        {"cpu-index": 0, "thread-id": 100, "qom-path": "/machine/cpu[0]", "target": "x86_64",
         "props": {"core-id": 0}},
        {"cpu-index": 10, "thread-id": 101, "qom-path": "/machine/cpu[1]", "target": "x86_64"},
    ]  # fmt: skip
    text, says_enough = table_text(rows, 80, PLAIN, "query-cpus-fast")

    assert text.split("\n") == [
        "cpu-index  thread-id  qom-path         target",
        "        0        100  /machine/cpu[0]  x86_64",
        "       10        101  /machine/cpu[1]  x86_64",
        "(also: props.core-id)",
    ]
    assert says_enough


def test_what_does_not_fit_is_told() -> None:
    text, says_enough = table_text([{f"member{n}": "x" * 30 for n in range(5)}], 20)

    assert text.split("\n")[-1] == "(also: member2, mem…"
    assert says_enough


DISKS: list[Any] = [
    {"device": "", "qdev": f"/machine/peripheral/disk{n}/virtio-backend", "locked": False,
     "inserted": {"node-name": f"node{n}", "drv": "raw", "file": f"/srv/disk{n}.raw"}}
    for n in range(2)
]  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_table_lacks_what_matters_least(width: int) -> None:
    text, says_enough = table_text(DISKS, width, PLAIN, "query-block")

    assert says_enough
    assert all(f"node{n}" in line for n, line in enumerate(text.split("\n")[1:3]))


@pytest.mark.parametrize(
    ("row", "width", "answer"),
    [
        ({"a": "x" * 80}, 80, True),
        ({"a": "x" * 80}, 79, False),
        ({"a": "x" * 80, "b": 1}, 80, True),
        ({"a": "x" * 80, "b": 1}, 4, False),
        ({"a": "x", "b": ""}, 80, False),
    ],
)
def test_a_table_that_says_enough(row: dict[str, Any], width: int, answer: bool) -> None:
    assert table_text([row], width)[1] is answer


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ([{"a": 1}], True),
        ([], False),
        ([{}], False),
        ([1], False),
        ({"a": 1}, False),
        (None, False),
    ],
)
def test_what_makes_a_table(value: Any, answer: bool) -> None:
    assert is_tabular(value) is answer


@pytest.mark.parametrize("name", ["n", "n{}"])
def test_a_long_table_takes_no_long_time(name: str) -> None:
    assert_linear(lambda size: table_text([{name.format(n): n} for n in range(size)], 80), 4000)
