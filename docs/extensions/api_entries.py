"""Autodoc's entries on the pages of the API: constructors hidden, twins shortened.

Objects of the classes in `MADE_ELSEWHERE` are never made by calling the class, so a signature would
only mislead. A method that an async class shares with its blocking twin shows its first sentence
and a link: the twin's entry has the rest. Data that a package hands out is described by the text
below it in the module that it comes from. Of an overloaded method the implementation's signature
is shown: it has all parameters once. A default that only Python can name is shown as a name or as
three dots: Sphinx can't parse ``<built-in function monotonic>``, and would then split tuples.
"""

import inspect
import re
import sys
from importlib import import_module
from typing import Final

from docutils.nodes import Element, literal, reference
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import qmpeer

MADE_ELSEWHERE: Final = frozenset(
    {
        "qmpeer.AsyncClient",
        "qmpeer.AsyncGuestAgent",
        "qmpeer.Client",
        "qmpeer.Context",
        "qmpeer.GuestAgent",
        "qmpeer.client.AgentCommand",
        "qmpeer.client.AgentInfo",
        "qmpeer.client.AsyncEvents",
        "qmpeer.client.AsyncFrozen",
        "qmpeer.client.Events",
        "qmpeer.client.Executed",
        "qmpeer.client.Frozen",
        "qmpeer.client.Interruption",
        "qmpeer.client.JobState",
        "qmpeer.client.MigrationState",
        "qmpeer.client.Reply",
        "qmpeer.monitor.Attachment",
        "qmpeer.monitor.CharacterDevice",
        "qmpeer.monitor.ContextMonitor",
        "qmpeer.monitor.DetachableDevice",
        "qmpeer.monitor.Backend",
        "qmpeer.Greeting",
        "qmpeer.Event",
        "qmpeer.bindings.Command",
        "qmpeer.bindings.Enumeration",
        "qmpeer.bindings.EventType",
        "qmpeer.bindings.Struct",
        "qmpeer.bindings.TypedEvent",
        "qmpeer.bindings.UnknownBranch",
        "qmpeer.chardev.Chardev",
        "qmpeer.messages.QemuVersion",
        "qmpeer.messages.Timestamp",
        "qmpeer.messages.Version",
        "qmpeer.schema.Answer",
        "qmpeer.schema.Change",
        "qmpeer.schema.Differences",
        "qmpeer.schema.Hiding",
        "qmpeer.schema.Shape",
        "qmpeer.transport.Address",
    }
)
"""Classes whose objects come from a function, or whose subclasses do."""
TWINS: Final = {
    "qmpeer.AsyncClient": "qmpeer.Client",
    "qmpeer.AsyncGuestAgent": "qmpeer.GuestAgent",
    "qmpeer.client.AsyncEvents": "qmpeer.client.Events",
    "qmpeer.client.AsyncFrozen": "qmpeer.client.Frozen",
}
"""For each async class, the blocking one whose entries say all."""
BARE_NAMES: Final = {"Command": "qmpeer.bindings.Command"}
"""Names of annotations that are imported for type checkers alone, where several have that name."""
_UNNAMED_DEFAULT: Final = re.compile(r"(?<==)<(?:built-in function (\w+)|[^<>]*(?:<[^<>]*>)*)>")
_FIRST_SENTENCE: Final = re.compile(r"(.+?[.:;])(?:\s|\Z)", re.DOTALL)


def twin_of(name: str) -> str | None:
    """Return the blocking method whose entry an async one's refers to; None if it has none."""
    owner, _, member = name.rpartition(".")
    twin = TWINS.get(owner)
    if twin is None:
        return None
    room, _, last = twin.rpartition(".")
    return f"{twin}.{member}" if hasattr(getattr(import_module(room), last), member) else None


def hide_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, args: str, result: str
) -> tuple[str, str] | None:
    """Hide a constructor that nobody should call, an error's, and the parameters of a twin."""
    if not args:
        return None
    is_error = inspect.isclass(obj) and issubclass(obj, qmpeer.QMPError)
    if name in MADE_ELSEWHERE or is_error:
        return "", ""
    if args != "()" and twin_of(name) is not None:
        return "(…)", ""
    return _UNNAMED_DEFAULT.sub(lambda found: found[1] or "...", args), result


def describe_data(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Describe data as its own module does, not as its type's docstring would."""
    if what != "data":
        return
    room, _, last = name.rpartition(".")
    homes = [home for home in list(sys.modules) if home == room or home.startswith(f"{room}.")]
    for home in homes:
        if getattr(sys.modules[home], last, None) is obj:
            text = ModuleAnalyzer.for_module(home)
            text.analyze()
            if ("", last) in text.attr_docs:
                lines[:] = text.attr_docs["", last]
                return
    lines[:] = []


def shorten_twin(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put a sentence and a link in the place of a docstring that stands elsewhere."""
    twin = twin_of(name)
    if twin is not None and lines:
        found = _FIRST_SENTENCE.match("\n".join(lines))
        sentence = " ".join((found[1] if found else lines[0]).split()).rstrip(":;.")
        kind = "attr" if isinstance(obj, property) else "meth"
        shown = ".".join(twin.split(".")[-2:])
        lines[:] = [f"{sentence}. As :py:{kind}:`{shown} <{twin}>`."]


def drop_types(app: Sphinx, domain: str, kind: str, content: Element) -> None:
    """Forget the types of parameters where these aren't described."""
    signature = content.parent[0]
    name = f"{signature.get('module')}.{signature.get('fullname')}"
    if name in MADE_ELSEWHERE or twin_of(name) is not None:
        app.env.current_document.autodoc_annotations.pop(name, None)
    if name.startswith("qmpeer.errors."):
        app.env.current_document.autodoc_annotations.pop(name, None)


def resolve_bare_names(app: Sphinx, doctree: Element) -> None:
    """Complete names in annotations that autodoc couldn't evaluate."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and node.get("reftarget") in BARE_NAMES:
            node["reftarget"] = BARE_NAMES[node["reftarget"]]


def lighten_names(app: Sphinx, doctree: Element, docname: str) -> None:
    """Drop what only makes a page larger where a docstring mentions a name."""
    for node in doctree.findall(literal):
        if "py-obj" in node["classes"]:
            node["classes"] = []
            if isinstance(node.parent, reference):
                node.parent.attributes.pop("reftitle", None)


def pass_over_overloads() -> None:
    """Make autodoc show one signature for an overloaded function, for which it has no option."""
    analyze = ModuleAnalyzer.analyze

    def analyze_without_overloads(analyzer: ModuleAnalyzer) -> None:
        analyze(analyzer)
        analyzer.overloads = {}

    ModuleAnalyzer.analyze = analyze_without_overloads  # type: ignore[method-assign]  # see above


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what happens to each entry."""
    pass_over_overloads()
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-signature", hide_signature)
    app.connect("autodoc-process-docstring", shorten_twin, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", describe_data, priority=400)
    app.connect("object-description-transform", drop_types, priority=400)  # before autodoc
    app.connect("doctree-read", resolve_bare_names)
    app.connect("doctree-resolved", lighten_names)
    return {"parallel_read_safe": True}
