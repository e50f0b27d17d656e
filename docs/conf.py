"""Sphinx configuration: Markdown pages, furo's looks, docstrings in Google's sections."""

from importlib.metadata import version as installed_version

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "qmpeer"
author = "The qmpeer authors"
copyright = "The qmpeer authors"
version = release = installed_version("qmpeer")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "qmpeer.sphinx_domain"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 6
autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"qmpeer {release}"
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Show what stands on two terminals as it is."""
    for name in ("terminal", "telnet"):
        app.add_lexer(name, TextLexer)
