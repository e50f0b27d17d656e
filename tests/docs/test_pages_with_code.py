"""Pages whose code runs: what they show works, and prints what stands there."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import SHOWN_PATH, blocks, run_console, run_python
from tests.listening import until_listening
from tests.patience import PATIENCE

PAGES = ("bindings.md", "monitors.md", "schema.md")
PYTHON = [
    pytest.param(text, output, id=f"{page} {text.splitlines()[-1][:30]}")
    for page in PAGES
    for kind, text, output in blocks(page)
    if kind == "python"
]
CONSOLE = [
    pytest.param(text, id=f"{page} {text.splitlines()[0][:30]}")
    for page in PAGES
    for kind, text, _ in blocks(page)
    if kind == "console"
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the server that the pages talk to, and make the binding that they import."""
    folder = tmp_path_factory.mktemp("pages")
    server = subprocess.Popen(
        [sys.executable, "-m", "qmpeer", "serve", "-qmp", f"unix:{folder}/q,server,wait=off"]
    )
    try:
        until_listening(folder / "q", server)
        run_console(f"$ qmpeer bindings --from unix:{folder}/q -o q.py", folder)
        yield folder
    finally:
        server.terminate()
        server.wait(PATIENCE)


def placed(text: str, folder: Path) -> str:
    return text.replace(SHOWN_PATH, f"{folder}/q").replace("/run/player", f"{folder}/player")


@pytest.mark.parametrize(("text", "output"), PYTHON)
def test_python(text: str, output: str, folder: Path) -> None:
    assert run_python(placed(text, folder), folder) == output


@pytest.mark.parametrize("text", CONSOLE)
def test_console(text: str, folder: Path) -> None:
    assert run_console(placed(text, folder), folder) == placed(text, folder)


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) >= 8
    assert len(CONSOLE) >= 3
