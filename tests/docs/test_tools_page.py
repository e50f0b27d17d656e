"""The page about the tools: a real QEMU gives the output on the page, except numbers."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from tests.docs.pages import DOCS, blocks, run_console
from tests.patience import PATIENCE

pytestmark = pytest.mark.real
CONSOLE = [text for kind, text, _ in blocks("tools.md") if kind == "console"]


@pytest.fixture(scope="module")
def folder(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Start the machine as the page says."""
    folder = tmp_path_factory.mktemp("tools")
    image = [program("qemu-img"), "create", "-q", "-f", "qcow2", "disk0.qcow2", "1G"]
    subprocess.run(image, cwd=folder, check=True, timeout=PATIENCE)
    line = next(text for kind, text, _ in blocks("tools.md") if kind == "sh")
    name, *options = shlex.split(line.replace("\\\n", " "))
    qemu = subprocess.Popen([program(name), *options], cwd=folder, stdin=subprocess.DEVNULL)
    try:
        Client.connect(folder / "vm.qmp", wait_for_socket=True, timeout=PATIENCE).close()
        yield folder
    finally:
        qemu.kill()
        qemu.wait(PATIENCE)


def without_numbers(text: str) -> str:
    """Return a text without the parts that vary with release and build."""
    text = re.sub(r"(?m)^(QEMU [0-9.]+) \(.*\)", r"\1", text)
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)*", "#", text))


@pytest.mark.parametrize("text", CONSOLE, ids=[text.split("\n")[0][2:30] for text in CONSOLE])
def test_console(text: str, folder: Path) -> None:
    assert without_numbers(run_console(text, folder)) == without_numbers(text)


def test_all_tools_are_there() -> None:
    page = (DOCS / "tools.md").read_text()
    for name in (
        "info",
        "events",
        "jobs",
        "ga",
        "qom",
        "plug",
        "screenshot",
        "top",
        "completion",
        "man",
        "conformance",
    ):
        assert f"qmpeer {name} " in page
    assert len(CONSOLE) == 4
