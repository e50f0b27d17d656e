"""Sphinx configuration: Markdown pages, furo's looks, docstrings in Google's sections."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "qmpeer"
author = "The qmpeer authors"
copyright = "The qmpeer authors"
version = release = installed_version("qmpeer")

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

extensions = [
    "api_entries",
    "limits_table",
    "myst_parser",
    "qmpeer.sphinx_domain",
    "search_words",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["extensions"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 6
autodoc_member_order = "bysource"
autodoc_typehints = "description"
python_maximum_signature_line_length = 70

suppress_warnings = ["misc.highlighting_failure"]  # a console block may have a quote over two lines

html_theme = "furo"
html_title = f"qmpeer {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]


def setup(app: Sphinx) -> None:
    """Show what stands on two terminals as it is."""
    for name in ("terminal", "telnet"):
        app.add_lexer(name, TextLexer)
