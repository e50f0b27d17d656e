"""Virtual environments that hold one client and what it depends on, for measuring its start.

Packages that happen to be installed beside a client change how long it takes to start: msgspec
imports typing_extensions where it finds it, which tools of development bring along.
"""

import importlib.util
import os
import sysconfig
import venv
from pathlib import Path

from benchmarks.rounds import LeftOutError


def create(folder: Path, packages: tuple[str, ...]) -> Path:
    """Make an environment in which just these packages of ours are installed; return its python."""
    python = folder / "bin" / "python"
    if python.exists():
        return python
    locations = {package: _locate(package) for package in packages}
    venv.create(folder, symlinks=True, with_pip=False)
    variables = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", variables))
    for package, location in locations.items():
        link = site.joinpath(*package.split("."))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(location, target_is_directory=True)
    return python


def _locate(package: str) -> str:
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise LeftOutError(f"{package} is not installed")
    return os.path.abspath(spec.submodule_search_locations[0])
