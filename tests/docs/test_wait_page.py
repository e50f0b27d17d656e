"""The table of commands on the page about waiting, compared with the clients' own table."""

import re
from pathlib import Path

from qmpeer.client.completions import COMPLETIONS
from qmpeer.values import JsonObject

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "wait.md"
SIZE: JsonObject = {"property": "requested-size"}


def names(cell: str) -> list[str]:
    """Return the names in a cell that are commands or events."""
    found = re.findall(r"`([^`]+)`", cell)
    return [name for name in found if re.fullmatch("[A-Z_]{3,}|[a-z][a-z_-]*", name)]


def test_the_table_is_the_clients() -> None:
    shown = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not cells[0].startswith("`"):
            continue
        commands = [name for name in names(cells[0]) if name != "requested-size"]
        completing = [name for name in names(cells[1]) if name.isupper()]
        failing = {name for name in names(cells[2]) if name.isupper()}
        for command in commands:
            shown[command] = (completing or [""], failing, cells[3] == "yes")
    known = {}
    for command, make in COMPLETIONS.items():
        rule = make(dict(SIZE))
        assert rule is not None
        known[command] = ([rule.event], set(rule.failing), rule.needs_guest)
    assert shown == known
