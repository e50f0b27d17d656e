"""Random kills of QEMU, of the proxy and of its clients, with a strict audit: a small form of the
soak.

Modules: dispatch.
"""

from pathlib import Path

import pytest

from tests.proxy.kills import kill_at_random

pytestmark = [pytest.mark.slow, pytest.mark.real]


def test_no_command_reaches_qemu_without_its_record(tmp_path: Path) -> None:
    outcome = kill_at_random(kills=12, seed=18, folder=tmp_path)
    assert outcome.read > 50
    assert outcome.unrecorded == []
    assert outcome.forbidden == []
    assert outcome.verified.startswith("0: ")
