"""A schema that isn't there."""

import pytest

from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="./shcema.json")
def test_no_schema(qmp_server: ScriptedServer) -> None:
    pass
