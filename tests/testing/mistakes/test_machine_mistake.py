"""An option that the machine doesn't have."""

import pytest

from qmpeer.testing import MachineServer


@pytest.mark.qmp(options=["-bogus"])
def test_machine_mistake(qmp_machine: MachineServer) -> None:
    pass
