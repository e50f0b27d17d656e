"""Sphinx configuration: Markdown pages, furo's looks, docstrings in Google's sections."""

import socket
import ssl
import sys
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import get_type_hints

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from qmpeer.audit import AuditLog
from qmpeer.policy import Policy

# Names that these modules import for types alone. As a mere text, "Policy" could be that of
# qmpeer.schema as well.
control, proxy = (import_module(f"qmpeer.proxy.{name}") for name in ("control", "proxy"))
vars(control).update(Policy=Policy)
vars(proxy).update(
    socket=socket, ssl=ssl, AuditLog=AuditLog, Policy=Policy, ProxyControl=control.ProxyControl
)
for init in (proxy.Proxy.__init__, control.ProxyControl.__init__):
    init.__annotations__.update(get_type_hints(init))

project = "qmpeer"
author = "The qmpeer authors"
copyright = "The qmpeer authors"
version = release = installed_version("qmpeer")

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

extensions = [
    "api_entries",
    "light_html",
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
toc_object_entries_show_parents = "hide"  # they stand below their class
python_maximum_signature_line_length = 70

default_role = "py:obj"  # docstrings: `connect` is a link if it is described, and code if not
suppress_warnings = ["misc.highlighting_failure"]  # a console block may have a quote over two lines

html_theme = "furo"
html_title = f"qmpeer {release}"
html_copy_source = False
html_static_path = ["_static"]
html_search_scorer = str(Path(__file__).parent / "extensions" / "search_scorer.js")
html_css_files = ["site.css"]
html_theme_options = {  # furo's red for names looks like an error's
    "light_css_variables": {"color-api-name": "#0b6b5e", "color-api-pre-name": "#0b6b5e"},
    "dark_css_variables": {"color-api-name": "#5ccfb8", "color-api-pre-name": "#5ccfb8"},
}


def setup(app: Sphinx) -> None:
    """Show what stands on two terminals as it is."""
    for name in ("terminal", "telnet"):
        app.add_lexer(name, TextLexer)
