"""Directives: what describes a definition or a module, and where a namespace begins."""

from dataclasses import replace
from typing import ClassVar, Final, Protocol, cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.directives import ObjectDescription
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_id
from sphinx.util.typing import OptionSpec

from qmpeer.schema import SPECIAL_FEATURES
from qmpeer.sphinx_domain import objects
from qmpeer.sphinx_domain.fields import transform_fields
from qmpeer.sphinx_domain.objects import DescribedObject
from qmpeer.sphinx_domain.references import DOMAIN, MODULE, NAMESPACE, context_of

_WARNINGS: Final = {
    "deprecated": "Deprecated: a later release will remove it.",
    "unstable": "Unstable: any release may change or remove it.",
}


class _Domain(Protocol):
    def note(self, described: DescribedObject) -> None: ...


class Description(ObjectDescription[DescribedObject]):
    """A directive that describes a command, an event or a type."""

    option_spec: ClassVar[OptionSpec] = {
        **ObjectDescription.option_spec,
        "namespace": directives.unchanged_required,
        "module": directives.unchanged_required,
        "since": directives.unchanged_required,
        "ifcond": directives.unchanged_required,
        **dict.fromkeys(SPECIAL_FEATURES, directives.flag),
    }

    def handle_signature(self, sig: str, signode: addnodes.desc_signature) -> DescribedObject:
        """Show the badges, the name and the release."""
        marks = tuple(mark for mark in SPECIAL_FEATURES if mark in self.options)
        context = context_of(self.env.ref_context)
        signode += [_badge(self.objtype, self.objtype), addnodes.desc_sig_space()]
        signode += addnodes.desc_name(sig, sig)
        for mark in marks:
            signode += [addnodes.desc_sig_space(), _badge(mark, mark)]
        if since := self.options.get("since"):
            text = f"since {since}"
            signode += addnodes.desc_sig_space()
            signode += addnodes.desc_annotation(text, text, classes=["qapi-since"])
        signode["fullname"] = sig
        return DescribedObject(
            sig,
            self.objtype,
            self.env.current_document.docname,
            "",
            self.options.get("namespace", context.namespace),
            self.options.get("module", context.module),
            marks,
            self.lineno,
        )

    def add_target_and_index(
        self, name: DescribedObject, sig: str, signode: addnodes.desc_signature
    ) -> None:
        """Make the description something that references, the index and the search find."""
        node_id = _target(self, signode, name.namespace, sig)
        described = replace(name, node_id=node_id)
        cast(_Domain, self.env.get_domain(DOMAIN)).note(described)
        if "no-index-entry" not in self.options:
            self.indexnode["entries"].append(_index_entry(described))

    def transform_content(self, content_node: addnodes.desc_content) -> None:
        """Put warnings and the condition above the text, and give the fields their form."""
        transform_fields(content_node, self.objtype, self.env)
        above: list[nodes.Node] = []
        for mark in SPECIAL_FEATURES:
            if mark in self.options:
                classes = ["qapi-eyecatch", f"qapi-{mark}"]
                above.append(nodes.paragraph(_WARNINGS[mark], _WARNINGS[mark], classes=classes))
        if condition := self.options.get("ifcond"):
            code = nodes.literal(condition, condition)
            text = nodes.Text("Available if ")
            above.append(nodes.paragraph("", "", text, code, classes=["qapi-eyecatch"]))
        content_node[0:0] = above

    def _object_hierarchy_parts(self, sig_node: addnodes.desc_signature) -> tuple[str, ...]:
        return (str(sig_node["fullname"]),)

    def _toc_entry_name(self, sig_node: addnodes.desc_signature) -> str:
        return str(sig_node["fullname"])


class Module(SphinxDirective):
    """A directive behind which definitions belong to a module."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = {
        "no-index": directives.flag,
        "noindex": directives.flag,
        "no-index-entry": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return the anchor, then what the module's text says."""
        name = self.arguments[0].strip()
        self.env.ref_context[MODULE] = name
        shown: list[nodes.Node] = []
        if not {"no-index", "noindex"} & self.options.keys():
            namespace = context_of(self.env.ref_context).namespace
            target = nodes.target("", "")
            self.set_source_info(target)
            node_id = _target(self, target, namespace, f"module-{name}")
            docname = self.env.current_document.docname
            described = DescribedObject(
                name, objects.MODULE, docname, node_id, namespace, line=self.lineno
            )
            cast(_Domain, self.env.get_domain(DOMAIN)).note(described)
            shown.append(target)
            if "no-index-entry" not in self.options:
                shown.insert(0, addnodes.index(entries=[_index_entry(described)]))
        return shown + self.parse_content_to_nodes()


class Namespace(SphinxDirective):
    """A directive behind which definitions and references belong to a namespace."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Note the namespace; nothing is shown."""
        self.env.ref_context[NAMESPACE] = self.arguments[0].strip()
        self.env.ref_context.pop(MODULE, None)
        return []


def _badge(kind: str, text: str) -> addnodes.desc_annotation:
    return addnodes.desc_annotation(text, text, classes=["qapi-badge", f"qapi-{kind}"])


def _target(directive: SphinxDirective, node: nodes.Element, namespace: str, name: str) -> str:
    document = directive.state.document
    term = f"{namespace}-{name}" if namespace else name
    node_id = make_id(directive.env, document, DOMAIN, term)
    node["ids"].append(node_id)
    document.note_explicit_target(node)
    return node_id


def _index_entry(described: DescribedObject) -> tuple[str, str, str, str, None]:
    of = f"{described.namespace} {described.kind}" if described.namespace else described.kind
    return ("single", f"{described.name} ({of})", described.node_id, "", None)
