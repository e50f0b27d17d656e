"""References: the roles of the domain, and the types that fields name.

A type may be decorated: ``[T]`` is an array of it, ``T?`` an optional one.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole

from qmpeer.schema import BUILT_INS, BuiltIn
from qmpeer.schema.json_kinds import ALL_KINDS
from qmpeer.sphinx_domain.objects import Context

DOMAIN: Final = "qapi"
NAMESPACE: Final = f"{DOMAIN}:namespace"
MODULE: Final = f"{DOMAIN}:module"
WITHOUT_ENTRY: Final = frozenset(
    {
        *ALL_KINDS,
        *(of.json_type for of in BUILT_INS.values() if isinstance(of, BuiltIn)),
        *BUILT_INS,
    }
)
"""The types that nobody describes: those of JSON, in QMP's words, and of QAPI itself."""
_DECORATED: Final = re.compile(r"(?P<before>\[*)(?P<name>[^][?]+)(?P<after>\]*)(?P<optional>\??)")


def context_of(values: Mapping[str, Any]) -> Context:
    """Return where a reference stands, from a page's state or from the reference's node."""
    return Context(values.get(NAMESPACE) or "", values.get(MODULE) or "")


def type_nodes(text: str, env: BuildEnvironment, place: nodes.Element) -> list[nodes.Node]:
    """Return a field's type, linked, with "optional" behind it if it is.

    Args:
        text: The type, decorated.
        env: The environment, whose page the reference stands on.
        place: The node whose line a warning names.
    """
    found = _DECORATED.fullmatch(text)
    name = found["name"] if found else text
    before, after = (found["before"], found["after"]) if found else ("", "")
    shown: list[nodes.Node] = [nodes.Text(before)] if before else []
    code = nodes.inline(name, name, classes=["qapi-type"])  # half as long as a literal in HTML
    if name in WITHOUT_ENTRY:
        shown.append(code)
    else:
        reference = addnodes.pending_xref(
            "",
            code,
            refdomain=DOMAIN,
            reftype="type",
            reftarget=name.removeprefix("~"),
            refexplicit=False,
            refwarn=True,
            refdoc=env.current_document.docname,
        )
        _note_context(env, reference)
        reference.source, reference.line = place.source, place.line
        shown.append(reference)
    if after:
        shown.append(nodes.Text(after))
    if found and found["optional"]:
        shown.append(nodes.Text(", optional"))
    return shown


def _note_context(env: BuildEnvironment, reference: nodes.Element) -> None:
    reference[NAMESPACE] = env.ref_context.get(NAMESPACE)
    reference[MODULE] = env.ref_context.get(MODULE)


class Role(XRefRole):
    """A role of the domain; its warning for a name that nobody describes is always on."""

    def __init__(self) -> None:
        super().__init__(warn_dangling=True)

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Take the decoration off, and note where the reference stands."""
        _note_context(env, refnode)
        found = _DECORATED.fullmatch(target)
        if found is None or has_explicit_title:
            return title, target.removeprefix("~")
        refnode["before"] = found["before"]
        refnode["after"] = found["after"] + (", optional" if found["optional"] else "")
        target = title = found["name"]
        if target.startswith("~"):
            target = target[1:]
            title = re.split("[:.]", target)[-1]
        return title, target

    def result_nodes(
        self, document: nodes.document, env: BuildEnvironment, node: nodes.Element, is_ref: bool
    ) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Put the decoration around the link."""
        before, after = node.get("before", ""), node.get("after", "")
        shown = [nodes.Text(before), node, nodes.Text(after)]
        return [each for each in shown if each is node or each.astext()], []
