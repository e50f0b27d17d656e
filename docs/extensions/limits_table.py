"""The directive ``limits``: groups of limits of `qmpeer.limits` as tables.

Its content is the heads of the groups, one a line.
"""

from docutils import nodes
from limit_groups import Limit, groups, head_of, shown
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qmpeer import limits


class LimitsDirective(SphinxDirective):
    """Some groups of limits, a section and a table for each."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self.env.note_dependency(limits.__file__)
        wanted = [line.strip() for line in self.content if line.strip()]
        found = {head_of(title): (title, group) for title, group in groups()}
        if unknown := [head for head in wanted if head not in found]:
            raise self.error(f"qmpeer.limits has no group {unknown[0]}")
        return [self._section(head, *found[head]) for head in wanted]

    def _section(self, head: str, title: str, found: list[Limit]) -> nodes.section:
        rest = title.partition(". ")[2]
        section = nodes.section("", nodes.title("", head), ids=[nodes.make_id(head)])
        if rest:
            section += nodes.paragraph("", f"{rest.rstrip('.')}.")
        table = nodes.table(classes=["limits"])
        group = nodes.tgroup(cols=4)
        group += [nodes.colspec(colwidth=width) for width in (22, 12, 42, 24)]
        group += nodes.thead("", _row(["Name", "Value", "What it limits", "Source"]))
        body = nodes.tbody()
        for limit in found:
            row = _row(["", shown(limit), limit.about, limit.source])
            target = nodes.target("", "", ids=[nodes.make_id(limit.name)])
            row[0][0] += [target, nodes.literal("", limit.name)]
            body += row
        group += body
        section += table
        table += group
        return section


def _row(cells: list[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("limits", LimitsDirective)
    return {"parallel_read_safe": True}
