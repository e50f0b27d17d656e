"""The check for turns of phrase that a reader has to read twice."""

from pathlib import Path

import pytest

from scripts.check_english import faults_in_markdown, faults_in_python, report

PYTHON = '''\
"""A module in plain English."""


class Wire:
    """Hold the bytes."""

    SIZE = 1  # of which
    # so large, whatever becomes
    # of it
    TEXT = "open to whoever asks"
    THEIRS = "all but for one"  # not our words


class Plain:
    """A plain thing.

    Its parts, of
    which there are two.
    """
'''


def test_comments_strings_and_docstrings_are_looked_at() -> None:
    assert sorted(faults_in_python(PYTHON)) == [
        (5, "Hold …"),
        (7, "of which"),
        (8, "becomes of"),
        (10, "whoever"),
        (17, "of which"),
    ]


def test_a_module_is_a_noun_too() -> None:
    assert list(faults_in_python('"""What a wire is."""\n')) == [(1, "What …")]


def test_code_in_a_page_is_no_prose() -> None:
    page = "All but\nfor one.\n\n```console\n$ echo of which\n```\nTell whoever asks.\n"
    assert list(faults_in_markdown(page)) == [(1, "but for"), (7, "whoever")]


@pytest.mark.parametrize(
    "text", ["have been said", "I have it", "he said that they have", "off which"]
)
def test_plain_words_are_no_faults(text: str) -> None:
    assert list(faults_in_markdown(text)) == []


def test_the_places_are_named(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1  # nothing but one\n")
    (tmp_path / "README.md").write_text("Plain.\n\nThat which isn't.\n")
    places, counts = report(tmp_path)
    assert places == ["README.md:3: that which", "src/a.py:1: nothing but"]
    assert counts == {"that which": 1, "nothing but": 1}
