"""A server for the programs on pages."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listening import until_listening
from tests.patience import PATIENCE


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which ``qmpeer serve`` listens, at "q"; each user leaves it as it was."""
    folder = tmp_path_factory.mktemp("pages")
    server = subprocess.Popen(
        [sys.executable, "-m", "qmpeer", "serve", "-qmp", f"unix:{folder}/q,server,wait=off"]
    )
    try:
        until_listening(folder / "q", server)
        yield folder
    finally:
        server.terminate()
        server.wait(PATIENCE)
