"""HTML without the tags and classes that no style sheet of the site uses.

Sphinx and Pygments tag each word of code, most of them for no visible effect. In a page of the API
or a tutorial that is a fifth of all bytes.
"""

from typing import Any, Final

from docutils.nodes import Element, Text
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Punctuation, Whitespace
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.writers.html5 import HTML5Translator

_PLAIN_TOKENS: Final = frozenset({Name, Punctuation, Whitespace})
"""Tokens that have the colour of the block around them in both styles, the light and the dark."""
_PLAIN_CLASSES: Final = (["n"], ["o"], ["p"], ["w"])
"""The classes of the parts of a signature that look like the signature itself."""


class LightTranslator(HTML5Translator):
    """Sphinx's translator, with fewer tags in code and signatures."""

    def starttag(self, node: Element, tagname: str, *args: Any, **attributes: Any) -> str:
        """Return a tag; code goes without the class ``docutils``."""
        if tagname == "code":
            attributes["CLASS"] = attributes.get("CLASS", "").removeprefix("docutils ")
        return super().starttag(node, tagname, *args, **attributes)

    def visit_Text(self, node: Text) -> None:
        """Write a text; of several spaces in code, only the last may end a line."""
        if not self.protect_literal_text:
            super().visit_Text(node)
            return
        for token in self.words_and_spaces.findall(self.encode(node.astext())):
            is_gap = token.isspace() and token != "\n"
            self.body.append("&#160;" * (len(token) - 1) + " " if is_gap else token)

    def visit_desc_sig_element(self, node: Element) -> None:
        """Begin a part of a signature."""
        if node["classes"] not in _PLAIN_CLASSES:
            self.visit_inline(node)

    def depart_desc_sig_element(self, node: Element) -> None:
        """End a part of a signature."""
        if node["classes"] not in _PLAIN_CLASSES:
            self.depart_inline(node)


class LightFormatter(HtmlFormatter[str]):
    """Pygments' formatter, without tags around tokens that look like the block itself."""

    def _get_css_classes(self, ttype: Any) -> str:
        return "" if ttype in _PLAIN_TOKENS else super()._get_css_classes(ttype)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write HTML with this translator and this formatter."""
    app.set_translator("html", LightTranslator)
    PygmentsBridge.html_formatter = LightFormatter
    return {"parallel_read_safe": True, "parallel_write_safe": True}
