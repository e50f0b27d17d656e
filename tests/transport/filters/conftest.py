"""One authority for a whole run, because making keys takes time."""

import pytest

from tests.transport.filters.certificates import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
