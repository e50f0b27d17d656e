"""Hypothesis strategies for realistic schemas with changes."""

import copy
import re
from typing import Any, Final

from hypothesis import strategies as st

from qmpeer.schema import introspection_of, schema_from_qapi

QAPI: Final = """
##
# = Part
##

##
# @Kind:
#
# Kinds.
#
# @a: the first
#
# @b: the second (since 2.1)
#
# Features:
#
# @deprecated: old
#
# Since: 1.0
##
{ 'enum': 'Kind', 'prefix': 'KIND',
  'data': [ 'a', { 'name': 'b', 'if': 'CONFIG_B', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'Base', 'data': { 'kind': 'Kind', '*size': 'size' } }
{ 'struct': 'One', 'base': 'Base',
  'data': { 'x': { 'type': 'int8', 'if': { 'all': [ 'A', { 'not': 'B' } ] } },
            '*y': [ 'Ref' ], '*self': 'One' } }
{ 'struct': 'Three', 'data': { '*name': 'str', 'z': 'any' }, 'features': [ 'unstable' ] }
{ 'union': 'Two', 'base': 'Base', 'discriminator': 'kind',
  'data': { 'a': 'Three', 'b': { 'type': 'Four', 'if': 'CONFIG_B' } } }
{ 'enum': 'Deep', 'data': [ 'x', 'y-z', '9p' ] }
{ 'union': 'Four', 'base': { 'deep': 'Deep' }, 'discriminator': 'deep', 'data': { 'x': 'Five' } }
{ 'struct': 'Five', 'data': { 'm': 'null' } }
{ 'alternate': 'Ref', 'data': { 'str': 'str', 'obj': 'Two', 'none': 'null', 'list': [ 'int' ] } }
##
# @go:
#
# Go.
#
# @two: the two
#
# @ref: the ref
#
# Features:
#
# @f: a feature
#
# Returns: a One
#
# Example:
#
# -> { "execute": "go" }
##
{ 'command': 'go', 'data': { 'two': 'Two', '*ref': 'Ref' }, 'returns': 'One',
  'features': [ 'f' ], 'allow-oob': true, 'if': 'C' }
{ 'command': 'stop', 'boxed': true, 'data': 'Two', 'coroutine': true }
{ 'command': 'raw', 'data': { '*driver': 'str' }, 'gen': false, 'returns': [ 'Three' ] }
{ 'event': 'GONE', 'data': { 'one': 'One' } }
{ 'event': 'WENT', 'boxed': true, 'data': 'Three' }
"""
ANSWER: Final[list[Any]] = [*introspection_of(schema_from_qapi("q", lambda name: QAPI.encode()))]
CONDITIONS: Final = ("A", "B", "C", "CONFIG_B")

_TOKENS: Final = re.findall(r"'[^']*'|[{}\[\],:]|true|false|##\n|#[^\n]*\n|\s+|.", QAPI)
_STRINGS: Final = sorted({token for token in _TOKENS if token.startswith("'")})
_ODD_STRINGS: Final = (
    *("'__proto__'", "'class'", "'*'", "''", "'a-b'", "'A_B'", "'9'", "'u'", "'q_x'", "'QType'"),
    *("'q_empty'", "'go-arg'", "'Base-base'", "'oneList'"),
)
_WORDS: Final = st.sampled_from(
    [*_STRINGS, *_ODD_STRINGS, *"{}[],:", "true", "##\n", "# @x:\n", "\n"]
)
_NAMES: Final = st.sampled_from(
    [
        *("", "a b", "x\ny", "__proto__", "class", '"""', "\\", "\ud800", "\u00e9", "1", "99"),
        *("[1]", "0", "int", "str", "a" * 300, "q_empty", "QType", "None", "self", "__init__"),
        *("{x}", "%s", "#", "type", "values", "kind", "deep"),
    ]
)
_VALUES: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [None, 3, True, 1.5, [], {}, [[]], [None], ["deprecated"]]
)
_KEYS: Final = st.sampled_from(
    ["features", "tag", "variants", "values", "members", "default", "allow-oob", "json-type"]
)


@st.composite
def changed_qapi(draw: st.DrawFn) -> str:
    """Return the schema with words exchanged, removed or inserted."""
    tokens = list(_TOKENS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(tokens) - 1))
        match draw(st.sampled_from(["drop", "replace", "insert", "swap", "rename"])):
            case "drop":
                del tokens[at]
            case "replace":
                tokens[at] = draw(_WORDS)
            case "insert":
                tokens.insert(at, draw(_WORDS))
            case "swap":
                strings = [place for place, text in enumerate(tokens) if text.startswith("'")]
                one, other = draw(st.sampled_from(strings)), draw(st.sampled_from(strings))
                tokens[one], tokens[other] = tokens[other], tokens[one]
            case _:
                old, new = draw(st.sampled_from(_STRINGS)), draw(_WORDS)
                tokens = [new if token == old else token for token in tokens]
    return "".join(tokens)


@st.composite
def changed_answer(draw: st.DrawFn) -> list[Any]:
    """Return the answer with parts exchanged, removed, doubled, renamed or replaced."""
    answer = copy.deepcopy(ANSWER)
    for _ in range(draw(st.integers(1, 3))):
        parts = list(_parts(answer))
        if not parts:
            break
        parent, key = draw(st.sampled_from(parts))
        match draw(st.sampled_from(["drop", "copy", "name", "value", "double", "add", "rename"])):
            case "drop":
                del parent[key]
            case "copy":
                other, name = draw(st.sampled_from(parts))
                parent[key] = copy.deepcopy(other[name])
            case "name":
                parent[key] = draw(_NAMES)
            case "value":
                parent[key] = copy.deepcopy(draw(_VALUES))
            case "double" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[key]))
            case "add" if isinstance(parent, dict):
                parent[draw(_KEYS)] = copy.deepcopy(draw(_VALUES))
            case _ if isinstance(parent[key], str):
                answer = _renamed(answer, parent[key], draw(_NAMES))
    return answer


def _parts(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in list(items):
        yield value, key
        if isinstance(part, dict | list):
            yield from _parts(part)


def _renamed(value: Any, old: str, new: str) -> Any:
    match value:
        case dict():
            return {key: _renamed(part, old, new) for key, part in value.items()}
        case list():
            return [_renamed(part, old, new) for part in value]
    return new if value == old else value
