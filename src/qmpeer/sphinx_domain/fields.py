"""Fields: arguments, members, values and what else the body of a description lists.

Sphinx's own fields put all of a field's text into one paragraph. QAPI's texts have lists and code,
so a field here is an item of a list with any blocks in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from qmpeer.sphinx_domain.references import type_nodes

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type of field.

    Attributes:
        label: What is shown above the fields of this type.
        parts: What stands behind its name: "type", "name", both or neither.
        kinds: Whose descriptions may have it.
    """

    label: str
    parts: tuple[str, ...]
    kinds: frozenset[str]


_COMMAND: Final = frozenset({"command"})
_EVERY: Final = frozenset({"command", "event", "enum", "object", "alternate"})
_ERRORS: Final = FieldType("Errors", (), _COMMAND)
_RETURNS: Final = FieldType("Returns", ("type",), _COMMAND)
FIELD_TYPES: Final = {
    "arg": FieldType("Arguments", ("type", "name"), _COMMAND),
    "memb": FieldType("Members", ("type", "name"), frozenset({"event", "object"})),
    "value": FieldType("Values", ("name",), frozenset({"enum"})),
    "alt": FieldType("One of", ("type", "name"), frozenset({"alternate"})),
    "feat": FieldType("Features", ("name",), _EVERY),
    "return": _RETURNS,
    "return-nodesc": _RETURNS,
    "error": _ERRORS,
    "errors": _ERRORS,
}


@dataclass(frozen=True, slots=True)
class _Field:
    """One field as it was found: its type, the type and name that it names, its text."""

    field_type: FieldType
    type: str
    name: str
    node: nodes.field


def transform_fields(content: nodes.Element, kind: str, env: BuildEnvironment) -> None:
    """Replace the field lists of a description by lists with labels.

    Args:
        content: The description's body.
        kind: What is described.
        env: The environment; `qapi_allowed_fields` in its configuration names further fields.
    """
    for child in list(content):
        if isinstance(child, nodes.field_list):
            content.replace(child, _transformed(child, kind, env))


def _transformed(found: nodes.field_list, kind: str, env: BuildEnvironment) -> nodes.field_list:
    groups: dict[str, list[_Field]] = {}
    others: list[nodes.field] = []
    for node in found:
        assert isinstance(node, nodes.field)
        field = _read(node, kind, env)
        if field is None:
            others.append(node)
        else:
            groups.setdefault(field.field_type.label, []).append(field)
    result = nodes.field_list(classes=["qapi-fields"])
    for label, fields in groups.items():
        shown = "Data" if (label, kind) == ("Members", "event") else label
        body = nodes.field_body("", *_body(fields, env))
        result += nodes.field("", nodes.field_name(shown, shown), body)
    result += others
    return result


def _read(node: nodes.field, kind: str, env: BuildEnvironment) -> _Field | None:
    name, *words = node[0].astext().split()
    field_type = FIELD_TYPES.get(name)
    label = node[0].astext()
    if field_type is None:
        allowed = {each.lower() for each in env.config.qapi_allowed_fields}
        if label.lower() not in allowed:
            known = ", ".join(each for each, of in FIELD_TYPES.items() if kind in of.kinds)
            _warn(f"found the field :{label}:, expected one of {known}", node)
        return None
    if kind not in field_type.kinds:
        _warn(f"the description of a QAPI {kind} can't have the field :{label}:", node)
        return None
    if len(words) != len(field_type.parts):
        form = " ".join((name, *(part.upper() for part in field_type.parts)))
        _warn(f"found the field :{label}:, expected :{form}:", node)
        return None
    given = dict(zip(field_type.parts, words, strict=True))
    return _Field(field_type, given.get("type", ""), given.get("name", ""), node)


def _warn(text: str, node: nodes.field) -> None:
    _logger.warning(text, location=node, type="qapi", subtype="field")


def _body(fields: Sequence[_Field], env: BuildEnvironment) -> Iterator[nodes.Node]:
    if not fields[0].field_type.parts:
        for field in fields:
            yield from field.node[1].children
    elif len(fields) == 1 and not fields[0].name:
        yield from _item(fields[0], env)
    else:
        yield nodes.bullet_list(
            "", *(nodes.list_item("", *_item(field, env)) for field in fields), bullet="-"
        )


def _item(field: _Field, env: BuildEnvironment) -> Iterator[nodes.Node]:
    """Give a field's name and type with the beginning of its text, then the rest of the text."""
    line = nodes.paragraph()
    types = type_nodes(field.type, env, field.node) if field.type else []
    if field.name:
        line += addnodes.literal_strong(field.name, field.name)
        if types:
            line += [nodes.Text(" ("), *types, nodes.Text(")")]
    else:
        line += types
    blocks = list(field.node[1].children)
    if blocks and isinstance(blocks[0], nodes.paragraph):
        line += [nodes.Text(" \N{EN DASH} "), *blocks.pop(0).children]
    yield line
    yield from blocks
