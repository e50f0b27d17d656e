"""Inputs that are known to kill a release.

Modules: crashes.
"""

import pytest

from qmpeer.effects import known_crash
from qmpeer.messages import CommandMessage

EMPTY_REOPEN = CommandMessage("blockdev-reopen", {"options": []})


@pytest.mark.parametrize("release", [(6, 1), (7, 2), None])
def test_a_deadly_input_is_known_with_its_reason(release: tuple[int, int] | None) -> None:
    assert known_crash(release, EMPTY_REOPEN)


def test_another_release_survives_it() -> None:
    assert known_crash((8, 0), EMPTY_REOPEN) is None


def test_other_arguments_are_harmless() -> None:
    command = CommandMessage("blockdev-reopen", {"options": [{"node-name": "a"}]})
    assert known_crash((7, 2), command) is None
