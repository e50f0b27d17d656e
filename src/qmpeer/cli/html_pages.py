"""HTML of a reference, made with Sphinx, furo and our own domain: the extra ``docs``."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qmpeer.cli.exits import UsageError

_NEEDED: Final = ("sphinx", "furo")
_SETTINGS: Final = """\
project = {title!r}
extensions = ["qmpeer.sphinx_domain"]
smartquotes = False
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
"""


def check_installed() -> None:
    """Check that the packages for HTML are installed.

    Raises:
        UsageError: If one is missing; the error names it and the command that installs it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"HTML needs {', '.join(missing)}: pip install '.[docs]' in qmpeer's checkout"
        )


def build_html(files: Mapping[str, str], title: str, folder: str) -> None:
    """Build a site.

    Args:
        files: The pages in the format ``sphinx``, by their files' names.
        title: The title of the site.
        folder: The folder to write to.

    Raises:
        OSError: If Sphinx fails; the error contains the last line of its output.
    """
    with tempfile.TemporaryDirectory(prefix="qmpeer-docs-") as name:
        source = Path(name, "source")
        source.mkdir()
        source.joinpath("conf.py").write_text(_SETTINGS.format(title=title))
        for file, text in files.items():
            source.joinpath(file).write_text(text, encoding="utf-8")
        words = ["-q", "-b", "html", "-j", "auto", "-d", str(Path(name, "doctrees"))]
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", *words, str(source), folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise OSError(f"Sphinx could not build {folder}: {last[0]}")
