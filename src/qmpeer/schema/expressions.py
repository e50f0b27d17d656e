"""Expressions: the top-level objects of a file, each identified by its keyword."""

from typing import Final

from qmpeer.schema.documentation import DocComment
from qmpeer.schema.model import Documentation
from qmpeer.schema.source_files import Problems, SourceFile, SourcePlace
from qmpeer.schema.syntax import ArrayNode, Node, ObjectNode

DIRECTIVES: Final = ("include", "pragma")
_COMMON: Final = ("if", "features")
_KEYS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "include": ((), ()),
    "pragma": ((), ()),
    "enum": (("data",), ("prefix", *_COMMON)),
    "struct": (("data",), ("base", *_COMMON)),
    "type": (("data",), ("base", *_COMMON)),
    "union": (("data",), ("base", "discriminator", *_COMMON)),
    "alternate": (("data",), _COMMON),
    "command": (
        (),
        (
            *("data", "returns", "boxed", "gen", "success-response"),
            *("allow-oob", "allow-preconfig", "coroutine", *_COMMON),
        ),
    ),
    "event": ((), ("data", "boxed", *_COMMON)),
}
"""For each keyword, the required and the optional keys."""


class Expression:
    """One definition, include or pragma.

    Attributes:
        keyword: Its kind. An old "type" is "struct"; an old union whose discriminator is {} is
            "alternate".
        name: The defined name; the file for an include, "" for a pragma.
        node: The object.
        place: The place of its name.
        comment: The doc comment before it.
        has_other_comment: True if the doc comment before it has another symbol, which was reported.
        is_old: True for the language up to 2.3, before "type" became "struct".
    """

    __slots__ = ("comment", "has_other_comment", "is_old", "keyword", "name", "node", "place")

    def __init__(self, keyword: str, name: str, node: ObjectNode, place: SourcePlace) -> None:
        # Up to 2.3 an empty object as discriminator marked an alternate.
        is_alternate = keyword == "union" and node.get("discriminator") == {}
        self.is_old: bool = keyword == "type" or is_alternate
        now = {"type": "struct"}.get(keyword, keyword)
        self.keyword: str = "alternate" if is_alternate else now
        self.name: str = name
        self.node: ObjectNode = node
        self.place: SourcePlace = place
        self.comment: DocComment | None = None
        self.has_other_comment: bool = False

    @property
    def documentation(self) -> Documentation | None:
        """The content of its doc comment."""
        return self.comment.documentation if self.comment else None

    def value_place(self, key: str) -> SourcePlace:
        """Return the place of a key's value."""
        return self.place.at(self.node.values_at[key])


def read_expression(source: SourceFile, node: ObjectNode, problems: Problems) -> Expression | None:
    """Return the expression that an object stands for, after checking its keys.

    Args:
        source: The file that contains it.
        node: The object.
        problems: Collects the errors.

    Returns:
        The expression; None if the object isn't one.
    """
    place = SourcePlace(source, node.offset)
    keyword = next((key for key in node if key in _KEYS), None)
    if keyword is None:
        problems.semantic(place, f"expected one of the keys {', '.join(_KEYS)}")
        return None
    value = node[keyword]
    place = place.at(node.values_at[keyword])
    if keyword == "pragma":
        if not isinstance(value, ObjectNode):
            problems.semantic(place, f"the value of 'pragma' is {described(value)}, not an object")
            return None
        value = ""
    elif not isinstance(value, str):
        problems.semantic(place, f"the value of '{keyword}' is {described(value)}, not a string")
        return None
    if keyword not in DIRECTIVES:
        place.definition = f"{'struct' if keyword == 'type' else keyword} {value!r}"
    _check_keys(keyword, node, place, problems)
    return Expression(keyword, value, node, place)


def _check_keys(keyword: str, node: ObjectNode, place: SourcePlace, problems: Problems) -> None:
    required, optional = _KEYS[keyword]
    for key in node:
        if key not in (keyword, *required, *optional):
            if key in _KEYS:
                reason = f"it has two keywords, '{keyword}' and '{key}'"
            else:
                reason = f"{keyword} has no key '{key}'"
            problems.semantic(place.at(node.keys_at[key]), reason)
    for key in required:
        if key not in node:
            problems.semantic(place, f"key '{key}' is missing")


def described(node: Node) -> str:
    """Return the kind of a value, for an error message."""
    match node:
        case ObjectNode():
            return "an object"
        case ArrayNode():
            return "an array"
        case bool():
            return "true" if node else "false"
        case _:
            return "a string"
