"""No regular expression uses what Python 3.11 got wrong up to 3.11.4."""

import ast
import re
from pathlib import Path

import qmpeer

POSSESSIVE_GROUP = re.compile(rb"(?<!\\)\)(?:[*+?]|\{[0-9,]*\})\+|\(\?>")


def test_no_group_is_possessive() -> None:
    """Where such a group ends within a try that fails, those Pythons match too much."""
    found = []
    for path in Path(qmpeer.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
                text = (
                    node.value
                    if isinstance(node.value, bytes)
                    else node.value.encode(errors="replace")
                )
                if POSSESSIVE_GROUP.search(text):
                    found.append(f"{path}:{node.lineno}")
    assert not found


def test_the_pattern_itself() -> None:
    assert POSSESSIVE_GROUP.search(rb"(?:a|b)*+")
    assert POSSESSIVE_GROUP.search(rb")[ ]*+)*+")
    assert POSSESSIVE_GROUP.search(rb"(a){0,5}+")
    assert not POSSESSIVE_GROUP.search(rb"(a[b]*+)*")
