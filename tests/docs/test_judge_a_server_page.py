"""The page about judging servers: its table has all cases, as they are."""

import re

from qmpeer.conformance import cases
from tests.docs.pages import DOCS

PAGE = DOCS / "howto" / "judge-a-server.md"
_ROW = re.compile(r"^\| (R\d+) \| `([\w-]+)` \| ([\w-]+) \| (.*) \| (\w+)(, changes)? \|$", re.M)


def test_all_cases() -> None:
    suites = {name: {case.name: case for case in cases(name)} for name in ("server", "agent")}
    expected = set()
    for case in {**suites["server"], **suites["agent"]}.values():
        of = [f"{suite}s" for suite in suites if case.name in suites[suite]]
        whose = of[0] if len(of) == 1 else "both"
        leave = ", changes" if case.changes else ""
        expected.add((case.rule, case.name, case.level.value, case.title, whose, leave))
    found = _ROW.findall(PAGE.read_text())
    assert set(found) == expected
    assert len(found) == len(expected)


def test_all_rules() -> None:
    """Each rule of the protocol has a case, or the page says why it has none."""
    text = PAGE.read_text()
    tried = {row[0] for row in _ROW.findall(text)}
    about = text.partition("Rules that aren't")[2].partition("Of R12")[0]
    left_out = set(re.findall(r"R\d+", about))
    assert not tried & left_out
    assert tried | left_out == {f"R{number}" for number in range(1, 54)}
