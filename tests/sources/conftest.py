"""A fixture that starts scripted servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.scripted import Serve, serving


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as start:
        yield start
