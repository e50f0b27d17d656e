"""Examples: conversations of QMP as pages show them, in colours."""

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Number, String, Text
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec


class ConversationLexer(RegexLexer):
    """A lexer for examples: messages behind ``->`` and ``<-``, with parts left out by ``...``.

    What it doesn't know stays as it is: the documentation of old releases has all kinds of text in
    its examples.
    """

    name: ClassVar[str] = "QMP"
    aliases: ClassVar[list[str]] = ["QMP", "qmp"]
    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [
            (r"^(->)(?=\s|$)", Keyword.Declaration),
            (r"^(<-)(?=\s|$)", Name.Builtin),
            (r"(?:#|//).*$", Comment.Single),
            (r"\.\.\.", Comment),
            (r'"(?:\\.|[^"\\\n])*"(?=\s*:)', Name.Tag),
            (r'"(?:\\.|[^"\\\n])*"?', String.Double),
            (r"'[^'\n]*+'", String.Single),
            (r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b", Number),
            (r"\b(?:true|false|null)\b", Keyword.Constant),
            (r"[\s{}\[\],:]+", Text),
            (r"\w+|.", Text),
        ]
    }


class Example(SphinxDirective):
    """A directive that shows a conversation.

    With the option ``annotated`` its body is text, with code in it; without, all of it is code.
    """

    has_content = True
    option_spec: ClassVar[OptionSpec] = {
        "annotated": directives.flag,
        "title": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the box with the example in it."""
        self.assert_has_content()
        box = nodes.admonition(classes=["qmp-example"])
        self.set_source_info(box)
        title = nodes.title("", "")
        if text := self.options.get("title"):
            shown, messages = self.parse_inline(text)
            title += shown
            box += messages
        else:
            title += nodes.Text("Example")
        box.insert(0, title)
        if "annotated" in self.options:
            box += self.parse_content_to_nodes()
            for block in box.findall(nodes.literal_block):
                block.setdefault("language", ConversationLexer.name)
        else:
            code = "\n".join(self.content)
            block = nodes.literal_block(code, code, language=ConversationLexer.name)
            self.set_source_info(block)
            box += block
        return [box]
