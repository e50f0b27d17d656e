"""The source archive, the wheel, and the instructions for installing them."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[1]
BUILD = "import sys, uv_build; getattr(uv_build, sys.argv[1])(sys.argv[2])"
MADE = {"PKG-INFO", "pyproject.toml.orig"}
"""Files that the build adds."""
STRAY = (
    ".coverage", ".hypothesis/unicode_data/x", "build/x.py", "dist/x.whl", "notes.txt", "uv.lock",
    "benchmarks/results.json", "benchmarks/a.out", "docs/_build/index.html",
    "docs/reference/stop.md", "docs/.conf.py.swp", "examples/demo.py.orig", "scripts/qemu10.sh~",
    "scripts/__pycache__/x.cpython-311.pyc", "src/qmpeer/__pycache__/x.cpython-311.pyc",
    "src/qmpeer/cli/main.py.rej", "src/qmpeer/cli/.main.py.swp", "src/qmpeer/wire/lexer.py~",
    "src/qmpeer/.mypy_cache/x.json", "tests/.pytest_cache/x.json", "tests/.hypothesis/x.txt",
    "tests/cli/x.log", "tests/conftest.py~", "tests/shell/core", "tests/small_corpus/x.orig",
)  # fmt: skip
"""Stray files, as in a folder in which somebody works."""


@pytest.fixture(scope="module")
def tracked(program: Callable[[str], str]) -> list[str]:
    """Return the files that belong to the project."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(
        [program("git"), "-C", str(ROOT), "ls-files", "-z", "--cached"],
        check=True, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def untidy(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a copy of the checkout with stray files in it."""
    folder = tmp_path_factory.mktemp("untidy")
    for name in tracked:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    for name in STRAY:
        path = folder / name
        assert not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("stray\n")
    return folder


def build(kind: str, source: Path, output: Path) -> Path:
    pytest.importorskip("uv_build", reason="uv_build is not installed: make .venv/.dev")
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    argv = [sys.executable, "-c", BUILD, f"build_{kind}", str(output)]
    environment = {**os.environ, "PATH": beside}
    subprocess.run(argv, cwd=source, env=environment, check=True, timeout=PATIENCE)
    (made,) = output.iterdir()
    return made


def test_the_source_archive_is_the_checkout(
    tracked: list[str], untidy: Path, tmp_path: Path
) -> None:
    with tarfile.open(build("sdist", untidy, tmp_path)) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}

    assert names - MADE == set(tracked) - {".gitignore"}


def test_the_wheel_is_the_package(tracked: list[str], untidy: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build("wheel", untidy, tmp_path)) as archive:
        names = {name for name in archive.namelist() if name.startswith("qmpeer/")}

    files = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    assert {name for name in names if not name.endswith("/")} == files


def test_nobody_is_told_to_install_from_an_index(tracked: list[str]) -> None:
    """The package is on no index, so a package of its name there isn't ours."""
    told = re.compile(
        r"(?:pip\d?|pipx|uvx?)\s+(?:(?!uninstall)\w+\s+)*[\"']?qmpeer\b(?!/)|qmpeer\["
    )
    pages = [name for name in tracked if name.endswith((".py", ".md", ".sh", ".toml", "Makefile"))]
    found = [
        f"{name}: {line.strip()}"
        for name in pages
        if name not in ("CHANGELOG.md", "tests/test_package.py")
        for line in (ROOT / name).read_text().splitlines()
        if told.search(line)
    ]

    assert found == []


def test_extras_that_are_named_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set()
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")):
        for extras in re.findall(r"pip install '\.\[([\w,]+)\]'", path.read_text()):
            named |= set(extras.split(","))

    assert named == set(project["optional-dependencies"])


def test_systems_are_the_readme_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    systems = [each for each in project["classifiers"] if each.startswith("Operating System")]

    assert systems == ["Operating System :: POSIX :: Linux"]
    assert "Linux, Python 3.11 or newer" in (ROOT / "README.md").read_text()
