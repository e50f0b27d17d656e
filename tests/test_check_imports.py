"""The check that every import inside a function has a reason."""

from pathlib import Path

import pytest

from scripts.check_imports import NONE, inner_imports, report

TOP = """\
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qmpeer.client import Client
try:
    import uvloop
except ImportError:
    uvloop = None


class Empty:
    import json
"""


def test_imports_at_the_top_need_no_reason() -> None:
    assert list(inner_imports(TOP)) == []


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# asyncio stays out of the blocking client", "asyncio"),
        ("# asyncio stays out of the blocking client: dialled there only", "asyncio"),
        ("# optional extra: shell", "optional extra"),
        ("# optional extra: websocket, which brings dataclasses", "optional extra"),
        ("# start: 5 ms", "start"),
        ("# start: 17.5 ms, ssl", "start"),
        ("", NONE),
        ("# asyncio stays out", NONE),
        ("# optional extra:", NONE),
        ("# optional extra: ", NONE),
        ("# start: some ms", NONE),
        ("# start: 5", NONE),
        ("# Start: 5 ms", NONE),
        ("# it is slow, start: 5 ms", NONE),
    ],
)
def test_reasons(comment: str, reason: str) -> None:
    source = f"def f():\n    from a import (  {comment}\n        b,\n    )\n"
    assert [(found.line, found.reason) for found in inner_imports(source)] == [(2, reason)]


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    if 1:\n        import a",
        "class C:\n    def f(self):\n        with x:\n            import a",
        "def f():\n    class C:\n        import a",
        "def f():\n    match x:\n        case _:\n            import a",
        "def f():\n    x = '# start: 5 ms'; import a",
        "def f():\n    # start: 5 ms\n    import a",
    ],
)
def test_imports_are_found_at_any_depth(source: str) -> None:
    (found,) = inner_imports(source)
    assert (found.text, found.reason) == ("import a", NONE)


def test_report(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "a.py").write_text("def f():\n    import x  # start: 5 ms\n    from y import z\n")
    (folder / "b.py").write_text("import w\n")
    faults, counts = report(folder, tmp_path)
    assert faults == ["src/a.py:3: from y import z"]
    assert counts == {"start": 1, NONE: 1}
