"""The groups of `qmpeer.limits`: each limit, its value, what it counts, and its source.

A group is what stands below one comment in the module; a limit's docstring says what it counts,
then its source: "Ours" or "QEMU: 1024 tokens".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from qmpeer import limits

_SOURCE: Final = re.compile(
    r"(?:(?<=[.;] )|(?<=\A))((?:Ours|QEMU|QAPI|Linux|UDP|Spec|libvirt)\b(?:[:;,.]|\Z).*)", re.DOTALL
)
_UNITS: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_BYTES: Final = re.compile(r"\bbytes\b", re.IGNORECASE)


class Limit(NamedTuple):
    """One limit.

    Attributes:
        name: Its name.
        value: What it is set to.
        about: What it counts.
        source: Where the number comes from; "" if its docstring doesn't say.
    """

    name: str
    value: float
    about: str
    source: str


def groups() -> Iterator[tuple[str, list[Limit]]]:
    """Give the groups of limits, each with its title."""
    text = Path(limits.__file__).read_text(encoding="utf-8")
    lines = text.splitlines()
    title, found = "Of all", list[Limit]()
    body = ast.parse(text).body
    for index, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above = _comment_above(lines, node.lineno)
        if above:
            if found:
                yield title, found
            title, found = above, []
        found.append(_limit(node.target.id, body[index + 1 : index + 2]))
    yield title, found


def head_of(title: str) -> str:
    """Return the head of a group's section: its title without explanations."""
    return title.partition(". ")[0].rstrip(".").split(", so")[0]


def _comment_above(lines: list[str], number: int) -> str:
    """Return the comment that ends right above a line."""
    first = number - 1
    while lines[first - 1].startswith("# "):
        first -= 1
    return " ".join(line[2:] for line in lines[first : number - 1])


def _limit(name: str, behind: list[ast.stmt]) -> Limit:
    value = getattr(limits, name)
    doc = ""
    if behind and isinstance(behind[0], ast.Expr) and isinstance(behind[0].value, ast.Constant):
        doc = " ".join(str(behind[0].value.value).split())
    source = _SOURCE.search(doc)
    about = doc[: source.start()] if source else doc
    return Limit(name, value, about.strip(), source[1].strip() if source else "")


def shown(limit: Limit) -> str:
    """Return a limit's value for people."""
    value = limit.value
    if isinstance(value, int):
        for unit, name in _UNITS:
            if _BYTES.search(limit.about) and value % unit == 0:
                return f"{value // unit}\N{NO-BREAK SPACE}{name}"
        return f"{value:,}"
    return f"{value:,g}" if value >= 0.001 else f"{value * 1e6:g} µs"
