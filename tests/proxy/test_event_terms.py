"""Filters of events: patterns, and terms that many clients share."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.proxy.event_terms import EventFilter, EventTerms, TermsTable, read_patterns


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        ([""], "found '', expected the name of an event, in which * stands for any text"),
        (["STOP", "A B"], "found 'A B', expected the name of an event"),
        (["[AB]"], "found '[AB]', expected the name of an event"),
        (["STOP?"], "found 'STOP?', expected the name of an event"),
        (["É"], "found 'É', expected the name of an event"),
        (
            ["A" * 129],
            "found a pattern of 129 characters for names of events, expected at most 128",
        ),
        (["A"] * 257, "found 257 patterns of events, expected at most 256"),
    ],
    ids=str,
)
def test_what_is_no_pattern(patterns: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read_patterns(patterns)


def test_patterns_of_every_kind() -> None:
    assert read_patterns([]) == ()
    assert read_patterns(["a.b-C_*9", "*"]) == ("*", "a.b-C_*9")


@pytest.mark.property
@given(st.text("AB*", min_size=1, max_size=9), st.text("AB", max_size=9))
def test_a_star_is_any_text(pattern: str, name: str) -> None:
    assert EventFilter((pattern,)).passes(name) is fnmatchcase(name, pattern)


def test_many_stars_cost_little() -> None:
    stars = EventFilter(("*A" * 60 + "*B",))
    assert not stars.passes("A" * 100_000)
    assert stars.passes("A" * 100_000 + "B")


def test_a_client_chooses_among_what_is_allowed() -> None:
    names = ("STOP", "RESUME", "JOB_STATUS_CHANGE")
    allowed = ("JOB_*", "STOP")
    for chosen, expected in (
        (None, {"STOP", "JOB_STATUS_CHANGE"}),
        ((), set()),
        (("*",), {"STOP", "JOB_STATUS_CHANGE"}),
        (("RESUME", "STOP"), {"STOP"}),
    ):
        terms = EventTerms(allowed, chosen, False)
        for _ in range(2):  # the second answer is remembered
            assert {name for name in names if terms.allows(name)} == expected
    assert EventTerms(None, None, False).allows("STOP")


def test_what_terms_remember_is_bounded() -> None:
    terms = EventTerms(("EVENT_1*",), None, False)
    for number in range(3 * limits.PROXY_EVENT_NAMES):
        assert terms.allows(f"EVENT_{number}") is str(number).startswith("1")
    assert len(terms._known) <= limits.PROXY_EVENT_NAMES


def test_terms_are_shared_while_a_client_has_them() -> None:
    table = TermsTable()
    one = table.get(("STOP",), None, True)
    assert table.get(("STOP",), None, True) is one
    assert table.get(("STOP",), None, False) is not one
    assert len(table._terms) == 1  # nobody has kept the last ones
