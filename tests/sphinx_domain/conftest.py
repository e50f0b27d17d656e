"""Sphinx projects, made of a few texts and built in this process."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

EXTENSIONS = ["qmpeer.sphinx_domain"]


@dataclass(frozen=True)
class Project:
    """A project that was built.

    Attributes:
        folder: Where its pages are.
        output: Where the built pages are.
        warnings: What Sphinx warned about, one line each, without the folder's name.
    """

    folder: Path
    output: Path
    warnings: list[str]

    def html(self, name: str) -> str:
        """Return a page as HTML."""
        return (self.output / f"{name}.html").read_text()

    def text(self, name: str) -> str:
        """Return a page as text."""
        return (self.output / f"{name}.txt").read_text()


Build = Callable[..., Project]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return what builds projects of this test."""
    return builder_in(tmp_path)


def builder_in(home: Path) -> Build:
    """Return what builds projects of pages in a folder, strictly about references."""

    def run(
        pages: Mapping[str, str] | str,
        builder: str = "html",
        *,
        name: str = "project",
        parallel: int = 1,
        **settings: Any,
    ) -> Project:
        folder, output = home / name, home / f"{name}-{builder}"
        folder.mkdir(exist_ok=True)
        if isinstance(pages, str):
            pages = {"index.rst": f"Title\n=====\n\n{pages}"}
        for file, text in pages.items():
            (folder / file).write_text(text)
        settings = {
            "extensions": EXTENSIONS,
            "html_theme": "basic",
            "nitpicky": True,
            "smartquotes": False,
            **settings,
        }
        warnings = io.StringIO()
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                str(folder),
                None,
                str(output),
                str(home / f"{name}-doctrees"),
                builder,
                confoverrides=settings,
                status=None,
                warning=warnings,
                parallel=parallel,
            )
            app.build()
        text = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{folder}/", "")
        return Project(folder, output, re.sub(r"\n +", " ", text).splitlines())

    return run
