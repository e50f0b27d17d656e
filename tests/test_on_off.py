"""QEMU's words for a boolean option."""

import pytest

from qmpeer.on_off import on_or_off


@pytest.mark.parametrize("word", ["on", "yes", "true", "y"])
def test_on(word: str) -> None:
    assert on_or_off(word) is True


@pytest.mark.parametrize("word", ["off", "no", "false", "n"])
def test_off(word: str) -> None:
    assert on_or_off(word) is False


@pytest.mark.parametrize("word", ["", "1", "ON", "maybe", "on "])
def test_neither(word: str) -> None:
    assert on_or_off(word) is None
