"""Fixtures for the servers that pages use."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listening import until_listening
from tests.patience import PATIENCE


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the socket "q" of ``qmpeer serve``; its users must leave it unchanged."""
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
