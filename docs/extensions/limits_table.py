"""The directive ``limits``: all limits of `qmpeer.limits` as tables."""

from docutils import nodes
from limit_groups import Limit, groups, shown
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qmpeer import limits


class LimitsDirective(SphinxDirective):
    """All limits, a section and a table for each group."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self.env.note_dependency(limits.__file__)
        return [self._section(title, found) for title, found in groups()]

    def _section(self, title: str, found: list[Limit]) -> nodes.section:
        head, _, rest = title.partition(". ")
        head = head.rstrip(".").split(", so")[0]
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
