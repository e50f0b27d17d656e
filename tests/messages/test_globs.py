"""Patterns for names."""

from time import process_time

import pytest

from qmpeer.messages.globs import Glob


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("query-*", "query-status", True),
        ("*.img", "a.img.gz", False),
        ("drive?", "drive10", False),
        ("a[0]", "a[0]", True),
        ("a[0]", "a0", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
    ],
)
def test_the_whole_name_fits(pattern: str, name: str, fits: bool) -> None:
    assert Glob(pattern)(name) is fits


def test_a_pattern_without_wildcards_is_a_name() -> None:
    assert Glob("a[0]").is_name
    assert not Glob("a?").is_name


def test_a_long_name_takes_no_longer_than_its_length() -> None:
    glob = Glob("*a*a*a*a*a*a*b")
    begin = process_time()
    assert not glob("a" * 2000)
    once = process_time() - begin
    begin = process_time()
    assert not glob("a" * 20_000)
    assert process_time() - begin < 60 * max(once, 0.001)
