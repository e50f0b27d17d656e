"""Virtual environments with one client and its dependencies, for measuring its start.

Other installed packages change how long a client takes to start: msgspec imports typing_extensions
if it is installed, and development tools install it.
"""

import importlib.util
import os
import sysconfig
import venv
from pathlib import Path

from benchmarks.rounds import LeftOutError


def create(folder: Path, packages: tuple[str, ...]) -> Path:
    """Make an environment with only these packages; return its python."""
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
