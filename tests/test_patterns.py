"""Regular expressions: none is quadratic, none has what Python 3.11.0 to 3.11.4 get wrong."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import qmpeer
from tests.growth import cpu_time, is_linear

POSSESSIVE_GROUP = re.compile(rb"(?<!\\)\)(?:[*+?]|\{[0-9,]*\})\+|\(\?>")


def texts(constant: object) -> Iterator[bytes]:
    """Yield the strings among the constants of compiled code."""
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
    """If such a group ends within an attempt that fails, those Pythons match too much."""
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


CUT_UP = {"qmpeer.wire.lexer._TOKENS"}
"""Patterns for texts that another pattern has checked: an unclosed part can't occur there."""


def searches() -> Iterator[tuple[str, Callable[[str], object]]]:
    """Yield search functions of our patterns, if these have names."""
    for module in pkgutil.walk_packages(qmpeer.__path__, "qmpeer."):
        if module.name.endswith("__main__"):
            continue
        found = importlib.import_module(module.name)
        source = inspect.getsource(found)
        for name, pattern in vars(found).items():
            if not isinstance(pattern, re.Pattern) or f"{module.name}.{name}" in CUT_UP:
                continue
            is_searched = re.search(rf"\b{name}\.(search|sub|find|split)", source)
            yield f"{module.name}.{name}", run_of(pattern, is_searched is not None)


def run_of(pattern: "re.Pattern[Any]", is_searched: bool) -> Callable[[str], object]:
    is_bytes = isinstance(pattern.pattern, bytes)

    def run(text: str) -> object:
        given: Any = text.encode("latin-1") if is_bytes else text
        return pattern.sub(given[:0], given) if is_searched else pattern.match(given)

    run.__doc__ = pattern.pattern.decode("latin-1") if is_bytes else pattern.pattern
    return run


def pumps(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield texts that a pattern may take long for: a beginning, and a part that is repeated."""
    signs = sorted({char for char in pattern if not char.isalnum() and char not in "()|?+"})[:14]
    words = re.findall(r"[a-z]{3,}", pattern)[:4]
    repeated = [*signs, " ", "a", *words, *(a + b for a in signs for b in ' a"\\' if a != b)]
    for begin in ("", "a", *signs[:1], *words, '"', "`a"):
        for pump in repeated:
            yield begin, pump


def spent(run: Callable[[str], object], begin: str, pump: str, size: int) -> float:
    """Return the seconds of a search in a text of a size."""
    text = begin + pump * (size // len(pump)) + "\0"
    return cpu_time(lambda: run(text))


def is_quadratic(run: Callable[[str], object], begin: str, pump: str) -> bool:
    return not is_linear(lambda size: spent(run, begin, pump, size), 16_000)


@pytest.mark.slow
def test_no_pattern_is_quadratic() -> None:
    """A repeated part without a match at its end costs time in proportion to its number."""
    found = []
    for name, run in searches():
        for begin, pump in pumps(run.__doc__ or ""):
            if spent(run, begin, pump, 4000) > 0.02 and is_quadratic(run, begin, pump):
                found.append((name, begin, pump))  # a quadratic pattern takes 50 ms
                break
    assert not found


def test_a_quadratic_pattern_is_found() -> None:
    assert is_quadratic(run_of(re.compile(r"\s*\(x"), is_searched=True), "", " ")
    assert not is_quadratic(run_of(re.compile(r"\(x"), is_searched=True), "", " ")
