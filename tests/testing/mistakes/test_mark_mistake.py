"""A mark with an option that there isn't."""

import pytest

from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(allow_unxpected=True)
def test_mark_mistake(qmp_server: ScriptedServer) -> None:
    pass
