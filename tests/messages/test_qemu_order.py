"""The unexpected member that an error names, if there are several: QEMU's choice."""

from itertools import permutations

import pytest

from qmpeer.messages.qemu_order import unexpected_member


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("bac", "b"),
        ("abc", "b"),
        ("xy", "y"),
        ("yx", "y"),
        (["one", "two", "three", "four", "five", "six", "seven", "eight"], "one"),
        (["Aa", "BB", "C#"], "Aa"),  # the same hash, so they collide
        (["C#", "BB", "Aa"], "Aa"),
        (["\u00e9", "e", "\u00e8"], "e"),
        ([f"m{number}" for number in range(40)], "m30"),
    ],
    ids=lambda value: "".join(map(ascii, value[:3])),
)
def test_it_is_what_qemu_names(names: list[str], expected: str) -> None:
    """The answers of QEMU 7.2 to query-status with these arguments."""
    assert unexpected_member(list(names), []) == expected


@pytest.mark.parametrize("size", [2, 5, 40, 4096, 4097], ids=str)
def test_one_that_is_alone_is_named(size: int) -> None:
    known = [f"m{number}" for number in range(size - 1)]
    assert unexpected_member([*known, "zz"], known) == "zz"
    assert unexpected_member(["zz", *known], known) == "zz"


def test_a_few_are_named_alike_in_any_order() -> None:
    """Without collisions, a hash table doesn't depend on the order of filling."""
    named = {unexpected_member(names, []) for names in permutations(["arguments", "x", "y"])}
    assert len(named) == 1


@pytest.mark.parametrize("count", [2, 6, 7, 30, 300], ids=str)
def test_what_is_named_was_unexpected(count: int) -> None:
    names = [f"name{number}" for number in range(count)]
    for read in range(0, count - 1, max(1, count // 7)):
        assert unexpected_member(names, names[:read]) in names[read:]


@pytest.mark.parametrize(
    "names",
    [[f"m{number}" for number in range(5000)], ["a" * 70_000, "b"]],
    ids=["many", "long"],
)
def test_past_the_limits_it_is_the_first(names: list[str]) -> None:
    assert unexpected_member(names, []) == names[0]
    assert unexpected_member(names, names[:-2]) == names[-2]


@pytest.mark.parametrize("name", ["", "\0", "\u00e9", "\ud800", "\U0001f3b5"], ids=ascii)
def test_any_name_will_do(name: str) -> None:
    assert unexpected_member([name, "x"], ["x"]) == name
    assert unexpected_member([name, "x"], []) in (name, "x")
