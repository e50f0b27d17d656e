"""Warnings that no test before has used up."""

import pytest

from qmpeer.bindings import deprecation


@pytest.fixture(autouse=True)
def nothing_was_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which warnings were given, as each is given once in a process."""
    monkeypatch.setattr(deprecation, "_given", set[str]())
