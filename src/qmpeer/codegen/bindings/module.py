"""The whole text of a binding."""

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from qmpeer.codegen.bindings.calls_text import command_lines, event_lines
from qmpeer.codegen.bindings.planner import plan_of
from qmpeer.codegen.bindings.types_text import literal, type_lines
from qmpeer.schema import Schema, introspection_hash, introspection_of
from qmpeer.schema import only as select_only
from qmpeer.values import JsonObject

_HEAD = '''\
"""{title}

Made by `qmpeer bindings`, which makes it anew when the schema has changed; don't edit it.
Commands are functions that return what a client executes, events are constants, and types are
open: what a newer server has more survives in `extra`, in strings and in unknown branches.
"""

# fmt: off
# ruff: noqa: D205, D301, D401, D403, D414, D415, E501, E741, PYI041, RUF100

from __future__ import annotations

{imports}

if TYPE_CHECKING:
    from qmpeer.schema import Schema

SCHEMA_HASH: Final = {hash}
"""The SHA-256 of the introspection that this binding is for."""


def schema() -> Schema:
    """Return the model of the schema that this binding is for."""
    import json

    from qmpeer.schema import schema_from_introspection

    return schema_from_introspection(json.loads(_INTROSPECTION))
'''


_IMPORTS: Final = {
    "typing": ("TYPE_CHECKING", "Annotated", "Any", "ClassVar", "Final", "TypeAlias"),
    "qmpeer.bindings": (
        "Command",
        "Empty",
        "Enumeration",
        "EventType",
        "Struct",
        "UnknownBranch",
        "command",
        "deprecated",
        "event_type",
        "union_command",
    ),
    "qmpeer.values": ("UNSET", "UnsetType"),
}
_ALWAYS: Final = frozenset({"TYPE_CHECKING", "Final"})


def bindings_text(schema: Schema, *, only: Sequence[str] = (), source: str = "") -> str:
    """Return the text of the module that binds a schema.

    Conditions are passed over: all that might be there is in the binding.

    Args:
        schema: The schema.
        only: Regular expressions; commands and events that match none of them are left out, and
            the types that only these use.
        source: What the schema was read from, for the module's docstring.

    Raises:
        ValueError: If one of the expressions is none, or matches nothing.
        SchemaSemanticError: If its commands have more members than `limits.SCHEMA_MEMBERS`.
    """
    wanted = select_only(schema, only) if only else schema
    plan = plan_of(wanted)
    introspection = introspection_of(wanted)
    lines: list[str] = []
    for title, blocks in (
        ("Types", map(type_lines, plan.types)),
        ("Events", map(event_lines, plan.events)),
        ("Commands", map(command_lines, plan.commands)),
    ):
        lines += _part(title, blocks)
    body = "\n".join(lines)
    head = _HEAD.format(
        title=_title(source),
        imports="\n".join(_imports(_used_names(body))),
        hash=literal(introspection_hash(introspection)),
    )
    return f"{head}\n{body}\n_INTROSPECTION: Final = {_text(introspection)}\n"


def _title(source: str) -> str:
    if not source or not source.isprintable():
        return "A typed binding."
    return f"A typed binding of {source}.".replace("\\", "\\\\").replace('"', "'")


def _used_names(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _imports(used: set[str]) -> Iterator[str]:
    """Give the lines that import what is used, and nothing else."""
    for module, names in _IMPORTS.items():
        found = [name for name in names if name in used or name in _ALWAYS]
        line = f"from {module} import {', '.join(found)}"
        if len(line) <= 88:
            yield from [line] if found else []
        else:
            yield f"from {module} import ("
            yield from (f"    {name}," for name in found)
            yield ")"
        if module == "typing":
            yield ""


def _part(title: str, blocks: Iterable[Iterator[str]]) -> Iterator[str]:
    texts = ["\n".join(block) for block in blocks]
    if texts:
        yield f"\n# --- {title} ---\n\n"
        yield "\n\n\n".join(texts) + "\n"


def _text(introspection: Sequence[JsonObject]) -> str:
    """Return introspection as the source of a string, an entity a line."""
    entities = (json.dumps(entity, separators=(",", ":")) for entity in introspection)
    joined = ",\n".join(entities).replace("\\", "\\\\").replace('"""', '""\\"')
    return f'"""[\n{joined}\n]"""'
