"""The domain itself: its directives, roles and indices, and what it keeps of a project."""

from collections.abc import Iterable, Iterator, Set
from typing import Any, ClassVar, Final, cast

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.builders import Builder
from sphinx.domains import Domain, Index, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import RoleFunction

from qmpeer.sphinx_domain import objects
from qmpeer.sphinx_domain.directives import Description, Module, Namespace
from qmpeer.sphinx_domain.indices import INDICES
from qmpeer.sphinx_domain.objects import DescribedObject, Objects
from qmpeer.sphinx_domain.references import DOMAIN, WITHOUT_ENTRY, Role, context_of

_logger: Final = logging.getLogger(__name__)


class QapiDomain(Domain):
    """Commands, events and types of QAPI, by namespace and module."""

    name: ClassVar[str] = DOMAIN
    label: ClassVar[str] = "QAPI"
    object_types: ClassVar[dict[str, ObjType]] = {
        "module": ObjType("module", "mod", "any"),
        "command": ObjType("command", "cmd", "any"),
        "event": ObjType("event", "event", "any"),
        "enum": ObjType("enum", "enum", "type", "any"),
        "object": ObjType("object", "obj", "type", "any"),
        "alternate": ObjType("alternate", "alt", "type", "any"),
    }
    directives: ClassVar[dict[str, type[Directive]]] = {
        "namespace": Namespace,
        "module": Module,
        **dict.fromkeys(("command", "event", "enum", "object", "alternate"), Description),
    }
    roles: ClassVar[dict[str, RoleFunction | XRefRole]] = {
        role: Role() for role in ("mod", "cmd", "event", "enum", "obj", "alt", "type", "any")
    }
    dangling_warnings: ClassVar[dict[str, str]] = {
        "mod": "no page describes a QAPI module %(target)s",
        "cmd": "no page describes a command %(target)s",
        "event": "no page describes an event %(target)s",
        "enum": "no page describes an enum %(target)s",
        "obj": "no page describes an object type %(target)s",
        "alt": "no page describes an alternate %(target)s",
        "type": "no page describes a type %(target)s",
        "any": "no page describes a command, event or type %(target)s",
    }
    indices: ClassVar[list[type[Index]]] = list(INDICES)
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}}
    data_version: ClassVar[int] = 1

    @property
    def objects(self) -> Objects:
        """What the pages describe."""
        return cast(Objects, self.data["objects"])

    def note(self, described: DescribedObject) -> None:
        """Keep a described object."""
        objects.add(self.objects, described)

    def clear_doc(self, docname: str) -> None:
        """Forget what a page described."""
        objects.remove_page(self.objects, docname)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take what another process has read."""
        for described in objects.every(otherdata["objects"]):
            if described.docname in docnames:
                self.note(described)

    def check_consistency(self) -> None:
        """Warn about what is described twice, once all pages have been read."""
        for described, first in objects.twins(self.objects):
            _logger.warning(
                "%s %s is described twice, here and in %s; give one of them :no-index:, or each a "
                "namespace of its own",
                described.kind,
                described.name,
                first.docname,
                location=(described.docname, described.line),
                type=DOMAIN,
                subtype="duplicate",
            )

    # --- References -----------------------------------------------------------------------------

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """Return the link that a reference becomes, None if nothing is found."""
        kinds = self.objtypes_for_role(typ) or ()
        found = objects.find(self.objects, target, kinds, context_of(node.attributes))
        if not found:
            if typ in ("type", "any") and target in WITHOUT_ENTRY:
                return cast(nodes.reference, contnode)
            return None
        if len(found) > 1:
            others = ", ".join(each.docname for each in found)
            _logger.warning(
                "%s may be any of several, in %s", target, others,
                location=node, type="ref", subtype=DOMAIN,
            )  # fmt: skip
        return _link(builder, fromdocname, found[0], contnode)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """Return all links that a reference of the role `any` may become."""
        found = objects.find(self.objects, target, self.object_types, context_of(node.attributes))
        return [
            (
                f"{DOMAIN}:{self.role_for_objtype(each.kind)}",
                _link(builder, fromdocname, each, contnode),
            )
            for each in found
        ]

    # --- What search and inventory get ----------------------------------------------------------

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Give all objects; the longer names are for the inventory alone."""
        taken = set[tuple[str, str]]()
        for each in sorted(objects.every(self.objects), key=_order):
            names = list(
                _free(((each.kind, name) for name in (each.name, *each.full_names)), taken)
            )
            for at, name in enumerate(names):
                priority = 1 if at == 0 else -1
                yield name, each.name, each.kind, each.docname, each.node_id, priority

    def get_full_qualified_name(self, node: nodes.Element) -> str | None:
        """Return the name by which another project asks for what a reference names."""
        return cast("str | None", node.get("reftarget"))


def _free(names: Iterable[tuple[str, str]], taken: set[tuple[str, str]]) -> Iterator[str]:
    for key in names:
        if key not in taken:
            taken.add(key)
            yield key[1]


def _order(described: DescribedObject) -> tuple[str, ...]:
    return (described.name, described.kind, described.namespace, described.docname)


def _link(
    builder: Builder, docname: str, described: DescribedObject, contnode: nodes.Element
) -> nodes.reference:
    title = f"{described.kind} {described.name}"
    return make_refnode(builder, docname, described.docname, described.node_id, contnode, title)
