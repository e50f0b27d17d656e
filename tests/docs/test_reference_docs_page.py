"""The page on reference documentation: its examples give the output that it shows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from qmpeer.sphinx_domain.fields import FIELD_TYPES
from tests.corpus import SMALL
from tests.docs.pages import DOCS, SHOWN_PATH, blocks, run_console
from tests.patience import PATIENCE

PAGE = "reference-docs.md"
FOUND = blocks(PAGE)


def shown(kind: str) -> list[str]:
    return [text for found, text, _ in FOUND if found == kind]


def without_counts(text: str) -> str:
    return re.sub(r"\d+ files", "N files", text)


def test_its_commands(served: Path, tmp_path: Path) -> None:
    shutil.copytree(SMALL / "qapi" / "small-9.2" / "qapi", tmp_path / "qapi")
    for text in shown("console"):
        placed = text.replace(SHOWN_PATH, f"{served}/q")
        assert without_counts(run_console(placed, tmp_path)) == without_counts(placed)


def test_its_project_builds_without_a_warning(tmp_path: Path) -> None:
    (settings,) = shown("python")
    (page,) = shown("rst")
    (tmp_path / "conf.py").write_text(settings)
    (tmp_path / "index.rst").write_text(f"Title\n=====\n\n{page}")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-n", str(tmp_path), str(tmp_path / "html")],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert 'href="#qapi-move-tray"' in (tmp_path / "html" / "index.html").read_text()


def test_its_table_has_the_fields_of_each_directive() -> None:
    rows = dict(re.findall(r"^\| (`qapi:[^|]*) \| ([^|]*) \|$", (DOCS / PAGE).read_text(), re.M))
    for names, fields in rows.items():
        for kind in re.findall("qapi:([a-z]+)", names):
            expected = {
                " ".join([name, *(part.upper() for part in of.parts)])
                for name, of in FIELD_TYPES.items()
                if kind in of.kinds and name != "errors"
            }
            assert set(re.findall("`:(.*?):`", fields)) == expected
    assert len(rows) == 6
