"""Runs of pytest in a process of its own, and the reports that it prints."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.patience import PATIENCE

FOLDER = Path(__file__).parent
PLUGINS = ("qmpeer.testing.plugin", "pytest_asyncio.plugin", "anyio.pytest_plugin")
_HEADER = re.compile(r"^_{3,} (.*?) _{3,}$")
_ENDING = re.compile(r"^=+ .* =+$")
_LOGGED = re.compile(r"^-+ Captured log \w+ -+$.*?(?=^-{3,} |\Z)", re.MULTILINE | re.DOTALL)
"""A traceback in the log, with lines of our own code."""
_VOLATILE = (
    (_LOGGED, ""),
    (re.compile(r"/tmp/qmpeer-\w+/"), "/tmp/qmpeer-…/"),
    (re.compile(r"^note: .*\bschema\b.*$\n?", re.MULTILINE), ""),  # once in each process
    (re.compile(r'"id": ?\d+'), '"id":…'),
    (re.compile(r"\b\d+\.\d\d s after"), "… s after"),
    (re.compile(r"^@ (time .*|closed)$\n?", re.MULTILINE), ""),
    (re.compile(r"descriptor: \d+"), "descriptor: …"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r'"timestamp": \{[^}]*\}'), '"timestamp": …'),
    (re.compile(r"\.py:\d+: in (\w+)\b"), r".py: in \1"),
)
"""What differs from run to run."""


def run_pytest(
    folder: Path,
    *arguments: str,
    plugins: Sequence[str] = PLUGINS,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = (sys.executable,),
) -> "subprocess.CompletedProcess[str]":
    """Run pytest in a folder, with these plugins and no others."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_"))}
    env |= {"COLUMNS": "100", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **(environment or {})}
    words = [word for plugin in plugins for word in ("-p", plugin)]
    return subprocess.run(
        [*program, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def copied(name: str, target: Path) -> Path:
    """Copy one of the folders beside this file, and return the copy."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(FOLDER / name, target / name, ignore=ignored))


def reports(output: str) -> Iterator[tuple[str, str]]:
    """Give the reports of pytest's output: the name of each test, and what stands there.

    What differs from run to run is replaced by "…".
    """
    name, lines = "", list[str]()
    for line in [*output.splitlines(), "= end ="]:
        header = _HEADER.match(line)
        if header or _ENDING.match(line):
            if name:
                yield name, _steady("\n".join(lines))
            name, lines = "", []
        if header:
            name = header[1].rpartition(" ")[2]
            lines = [header[1]]
        elif name:
            lines.append(line)


def _steady(text: str) -> str:
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"


def main() -> None:
    """Write the messages of all mistakes beside them."""
    folder = FOLDER / "mistakes"
    for name, text in reports(run_pytest(folder).stdout):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
