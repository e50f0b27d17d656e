"""A fixture that makes each test see all warnings."""

import pytest

from qmpeer.bindings import deprecation


@pytest.fixture(autouse=True)
def nothing_was_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the warnings given so far, because each is given once per process."""
    monkeypatch.setattr(deprecation, "_given", set[str]())
