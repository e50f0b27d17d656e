"""Pages with code: the code runs, and prints the output on the page."""

from pathlib import Path

import pytest

from tests.docs.pages import SHOWN_PATH, blocks, run_console, run_python

PAGES = ("bindings.md", "monitors.md", "schema.md", "explanation/fakes.md")
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
def folder(served: Path) -> Path:
    """Make the binding that the pages import."""
    run_console(f"$ qmpeer bindings --from unix:{served}/q -o q.py", served)
    return served


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
