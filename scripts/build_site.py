"""The builder of the site: hand-written pages, the API, and the reference of `qmpeer serve`.

    python scripts/build_site.py FOLDER

writes HTML into a folder, and prints the sizes of the largest pages. Warnings are errors, and so is
a page of more than 100 kB. Nothing is written into docs, so several builds may run at once.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "src" / "qmpeer" / "machine" / "qapi" / "qapi-schema.json"
REFERENCE = ("--format", "sphinx", "--title", "Commands and events of qmpeer serve")

PAGE_SIZE = 100_000
"""The most bytes of a page's HTML, so a phone loads it quickly."""
UNLIMITED = ("genindex.html",)
"""Pages that list everything."""


class BuildError(Exception):
    """The output of the command that failed."""


def build(folder: Path) -> None:
    """Build the site into a folder.

    Raises:
        BuildError: If there are warnings.
    """
    work = folder.parent / f"{folder.name}.work"
    for leftover in (folder, work):  # a page that has moved would stay, and be described twice
        shutil.rmtree(leftover, ignore_errors=True)
    pages = _gather_pages(work)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    _run([*sphinx, "-d", str(work / "doctrees"), str(pages), str(folder)])


def _gather_pages(work: Path) -> Path:
    """Put all sources of the site into one folder; return the folder."""
    pages = work / "docs"
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("reference", "__pycache__"))
    shutil.copy2(ROOT / "CHANGELOG.md", work)  # a page includes it
    command = [sys.executable, "-m", "qmpeer", "docs", "--from", str(SCHEMA), *REFERENCE]
    _run([*command, "-o", str(pages / "reference")])
    return pages


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError((done.stderr + done.stdout).strip())


def page_sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of the pages in bytes, by name, the largest first."""
    sizes = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*.html")
        if path.name not in UNLIMITED
    }
    return dict(sorted(sizes.items(), key=lambda each: -each[1]))


def main(words: Sequence[str]) -> int:
    """Build the site; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(words).folder.absolute()
    print("Building the site (a minute or more)", flush=True)
    try:
        build(folder)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    sizes = page_sizes(folder)
    print("The largest pages:")
    for name, size in list(sizes.items())[:5]:
        print(f"{size / 1000:6.1f} kB  {name}")
    too_large = [name for name, size in sizes.items() if size > PAGE_SIZE]
    if too_large:
        print(f"more than {PAGE_SIZE // 1000} kB: {', '.join(too_large)}", file=sys.stderr)
        return 1
    print(f"See {folder}/index.html ({len(sizes)} pages)")
    print(f"Search works best over HTTP: python -m http.server -d {os.path.relpath(folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
