"""The plugin with releases of pytest from 7.2 on: the project is green, and mistakes are found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.pytest_run import copied, run_pytest

RELEASES = [
    ("pytest==7.2.0", "pytest-asyncio==0.20.3", "pytest-xdist==3.1.0"),
    ("pytest==7.2.2", "pytest-asyncio==0.21.2", "pytest-xdist"),
    ("pytest==7.4.4", "pytest-asyncio==0.23.8", "pytest-xdist"),
    ("pytest==8.0.2", "pytest-asyncio==0.23.8", "pytest-xdist"),
    ("pytest==8.4.2", "pytest-asyncio==0.26.0", "pytest-xdist"),
    ("pytest==9.0.0", "pytest-asyncio", "pytest-xdist"),
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("packages", RELEASES, ids=[each[0] for each in RELEASES])
def test_with(tmp_path: Path, packages: tuple[str, ...]) -> None:
    installed = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--target", str(installed)]
    subprocess.run([*pip, *packages, "anyio<4.7", "trio<0.28"], check=True, timeout=500)
    environment = {"PYTHONPATH": str(installed)}
    plugins = (
        "qmpeer.testing.plugin",
        "pytest_asyncio.plugin",
        "xdist.plugin",
        "anyio.pytest_plugin",
    )
    folder = copied("project", tmp_path)
    options = ("-o", "filterwarnings=")
    done = run_pytest(folder, *options, "-n", "2", plugins=plugins, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^4\d passed\b", done.stdout, re.MULTILINE), done.stdout
    folder = copied("mistakes", tmp_path)
    done = run_pytest(folder, *options, plugins=plugins, environment=environment)
    mistakes = sorted(each.stem for each in folder.glob("test_*.py"))
    found = sorted(set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)))
    assert found == mistakes, done.stdout + done.stderr
    for name in mistakes:
        expected = (folder / f"{name}.txt").read_text(encoding="utf-8")
        first = next((line for line in expected.splitlines() if line.startswith("E ")), None)
        assert (first or expected.splitlines()[1]) in done.stdout
