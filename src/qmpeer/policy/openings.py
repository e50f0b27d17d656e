"""Files that the proxy opens for a command, so that the server gets descriptors and no paths.

The conditions with ``open`` say which texts of the arguments are paths of files. A block node that
is read-only, or that is inside such a node, or a backing node, gets a descriptor for reading only.
"""

from collections.abc import Callable
from typing import TypeAlias

from qmpeer.policy.argument_tests import EACH
from qmpeer.policy.fd_sets import fd_set_of
from qmpeer.policy.image_tests import ImageTest
from qmpeer.policy.images import CHILDREN, PROTOCOLS
from qmpeer.policy.rules import MemberPath, Rule
from qmpeer.values import JsonObject, JsonValue

Change: TypeAlias = Callable[[str, tuple[str, ...], bool], str]
"""Takes a path, the folders that it may be under, and True if it is only read. Returns the text
that stands in its place."""


def with_files(rule: Rule, arguments: JsonObject, change: Change) -> JsonObject:
    """Return arguments in which each file that a rule opens has another text.

    Args:
        rule: The rule, which has taken these arguments.
        arguments: The arguments.
        change: Called with each path.
    """
    value: JsonValue = arguments
    for test in rule.tests:
        if test.opens:
            value = _changed(
                value, test.path, _leaf_of(isinstance(test, ImageTest), test.opens, change)
            )
    assert isinstance(value, dict)
    return value


def _leaf_of(
    is_image: bool, folders: tuple[str, ...], change: Change
) -> Callable[[JsonValue], JsonValue]:
    def leaf(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return value if fd_set_of(value) is not None else change(value, folders, False)
        return _node(value, False, folders, change) if is_image else value

    return leaf


def _changed(
    value: JsonValue, path: MemberPath, leaf: Callable[[JsonValue], JsonValue]
) -> JsonValue:
    """Return a value in which the values at a path are changed."""
    if not path:
        return leaf(value)
    name, rest = path[0], path[1:]
    if isinstance(value, list) and name == EACH:
        return [_changed(each, rest, leaf) for each in value]
    if isinstance(value, dict) and name in value:
        return {**value, name: _changed(value[name], rest, leaf)}
    return value


def _node(
    node: JsonValue, is_read_only: bool, folders: tuple[str, ...], change: Change
) -> JsonValue:
    """Return a block node in which the names of files are changed."""
    if isinstance(node, list):
        return [_node(each, is_read_only, folders, change) for each in node]
    if not isinstance(node, dict):
        return node
    own = node.get("read-only")
    is_read_only = own if isinstance(own, bool) else is_read_only
    changed: dict[str, JsonValue] = dict(node)
    name = node.get("filename")
    if node.get("driver") in PROTOCOLS and isinstance(name, str) and fd_set_of(name) is None:
        changed["filename"] = change(name, folders, is_read_only)
    for member in CHILDREN & node.keys():
        is_read = is_read_only or member == "backing"
        changed[member] = _node(node[member], is_read, folders, change)
    return changed
