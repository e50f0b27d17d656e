"""Texts that are markup in some format, and must stay text."""

from qmpeer.schema import BUILT_INS, CommandDefinition, Documentation, Schema, Section

HOSTILE = [
    "<script>alert(1)</script>",
    "`", "``", "```\n```", "*a", "**a*", "_a_", "a_", "|a|", "a::", "::", ".. x", "..", ". x",
    ".so /etc/passwd", "'br", "\\fBx", "\\", "# x", "=====", "+---+", "> x", "- ", "1.", "a. b",
    "(a) b", ":field: x", "[a](b)", "![a](b)", "{role}`x`", "(x)=", "% c", "$x$", "&lt;", "@",
    "@a.", "/V x", "--x  y", "http://a_b_.c/_d", "`a <b>`_", "`a <http://x y>`_", "\x1b[m",
    "\ud800", "a\tb", "\N{BULLET} a", "__a__", "``a` b``", "*``a``*", "http://x`y",
]  # fmt: skip


def hostile_schema() -> Schema:
    """Return a schema with all hostile texts, including some that its source would refuse."""
    texts = [text.replace("\ud800", "") for text in HOSTILE]
    documentation = Documentation(
        symbol="go",
        text="\n\n".join(texts),
        features={f"f{index}": text for index, text in enumerate(texts)},
        sections=tuple(Section(tag, text) for text in texts for tag in ("", "Note", "Errors")),
    )
    return Schema(BUILT_INS, (CommandDefinition(name="go", documentation=documentation),))
