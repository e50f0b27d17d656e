"""No regular expression uses what Python 3.11 got wrong up to 3.11.4."""

import re
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import qmpeer

POSSESSIVE_GROUP = re.compile(rb"(?<!\\)\)(?:[*+?]|\{[0-9,]*\})\+|\(\?>")


def texts(constant: object) -> Iterator[bytes]:
    """Yield the texts among the constants of compiled code."""
    match constant:
        case CodeType():
            yield from texts(constant.co_consts)
        case tuple() | frozenset():
            for each in constant:
                yield from texts(each)
        case str():
            yield constant.encode(errors="replace")
        case bytes():
            yield constant


def test_no_group_is_possessive() -> None:
    """Where such a group ends within a try that fails, those Pythons match too much."""
    found = []
    for path in Path(qmpeer.__file__).parent.rglob("*.py"):
        code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        found += [path for text in texts(code) if POSSESSIVE_GROUP.search(text)]
    assert not found


def test_the_pattern_itself() -> None:
    assert POSSESSIVE_GROUP.search(rb"(?:a|b)*+")
    assert POSSESSIVE_GROUP.search(rb")[ ]*+)*+")
    assert POSSESSIVE_GROUP.search(rb"(a){0,5}+")
    assert not POSSESSIVE_GROUP.search(rb"(a[b]*+)*")
