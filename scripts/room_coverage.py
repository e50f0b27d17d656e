"""Measure how much of each module its own room's tests execute.

For each room, only tests/<room>/ is run, and only the room's package is measured, also in programs
that the tests start. The modules with less than 80 % of their lines and branches executed are
printed, the lowest first. Other rooms' tests may execute the rest, but a mistake in such a line is
then found late and far away. These numbers make nothing pass or fail.

Arguments: names of rooms (default: all), then options for pytest.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
ENOUGH = 80.0
CONFIGURATION = """\
[run]
source_pkgs = qmpeer.{room}
branch = true
parallel = true
patch = subprocess
data_file = {folder}/data
[report]
exclude_also =
{excluded}
"""


def excluded() -> str:
    """Return the exclusions of pyproject.toml, one in each line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns: list[str] = project["tool"]["coverage"]["report"]["exclude_also"]
    return "\n".join(f"    {pattern}" for pattern in patterns)


def shares(room: str, options: list[str]) -> dict[str, float]:
    """Run a room's tests; return the percentage that they execute of each module."""
    with TemporaryDirectory() as folder:
        configuration = Path(folder) / "coverage.ini"
        configuration.write_text(
            CONFIGURATION.format(room=room, folder=folder, excluded=excluded())
        )

        def coverage(*words: str) -> None:
            command, *rest = words
            subprocess.run(
                [sys.executable, "-m", "coverage", command, f"--rcfile={configuration}", *rest],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                check=command != "run",
            )

        coverage("run", "-m", "pytest", "-q", "-m", "not slow", *options, f"tests/{room}")
        coverage("combine", "-q")
        coverage("json", "-q", "-o", f"{folder}/report.json")
        report = json.loads((Path(folder) / "report.json").read_text())
    return {
        str(Path(file).relative_to(Path("src", "qmpeer", room))): of["summary"]["percent_covered"]
        for file, of in report["files"].items()
        if of["summary"]["num_statements"]
    }


def rooms() -> list[str]:
    """Return the names of the rooms, sorted."""
    return sorted(path.parent.name for path in ROOT.glob("src/qmpeer/*/__init__.py"))


def lines(room: str, measured: dict[str, float]) -> Iterator[str]:
    """Give the printed lines about a room."""
    low = sorted((share, file) for file, share in measured.items() if share < ENOUGH)
    yield f"{room}: {len(measured)} modules, {len(low)} below {ENOUGH:.0f} %"
    yield from (f"  {share:5.1f} %  {file}" for share, file in low)


def main(words: list[str]) -> None:
    """Measure the rooms, and print the modules with the lowest coverage."""
    wanted = [word for word in words if word in rooms()]
    for room in wanted or rooms():
        measured = shares(room, [word for word in words if word not in wanted])
        print(*lines(room, measured), sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
