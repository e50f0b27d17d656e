"""The rules for names in a schema.

Spec: a name consists of letters, digits, dashes and underscores, and begins with a letter. An enum
value may begin with a digit and, up to 2.x, contain dots. The prefix ``__RFQDN_`` marks an
extension of a downstream, ``x-`` an unstable part. Types are in CamelCase, events in CAPITALS with
underscores, all other names in lower case with dashes.
"""

import re
from typing import Final

_PREFIX: Final = re.compile(r"__[A-Za-z0-9.-]+_")
# \Z, because $ also matches before a line feed at the end.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_CAMEL_CASE: Final = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*\Z|[A-Z][A-Z0-9]*\Z")
_CAPITALS: Final = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_TYPES: Final = ("enum", "struct", "union", "alternate")


def _stem(name: str) -> str:
    prefix = _PREFIX.match(name)
    return name[prefix.end() :] if prefix else name


def name_fault(kind: str, name: str) -> str | None:
    """Return the reason why a name is invalid; None if it is valid.

    Args:
        kind: The kind of thing that it names: struct, command, member, value, feature, ….
        name: The name.

    Example:
        >>> name_fault("struct", "blockInfo")
        "'blockInfo' is not in CamelCase, expected for a type"
        >>> name_fault("command", "__org.example_stop")
    """
    stem = _stem(name)
    if not (_VALUE if kind in ("value", "branch") else _NAME).match(stem):
        return f"{name!r} is not a name, expected a letter, then letters, digits, '-' and '_'"
    if stem.lower().replace("-", "_").startswith("q_"):
        return f"{name!r} begins with 'q_', which is reserved for QAPI"
    if kind in _TYPES:
        if stem.endswith("List"):
            return f"{name!r} ends in 'List', which is reserved for arrays"
        if not _CAMEL_CASE.match(stem.removeprefix("x-")):
            return f"{name!r} is not in CamelCase, expected for a type"
    if kind == "event" and not _CAPITALS.match(stem.removeprefix("X-")):
        return f"{name!r} is not in CAPITALS_WITH_UNDERSCORES, expected for an event"
    if kind == "member" and (stem == "u" or stem.startswith(("has-", "has_"))):
        return f"member name {name!r} is reserved for C"
    return None


def style_fault(name: str, *, may_have_underscores: bool = False) -> str | None:
    """Return the reason why a name is not in lower case with dashes; None if it is.

    Example:
        >>> style_fault("block_resize")
        "'block_resize' contains '_', expected '-'"
    """
    stem = _stem(name)
    for wrong in "_.":
        if wrong in stem and not may_have_underscores:
            return f"{name!r} contains '{wrong}', expected '-'"
    return None if stem == stem.lower() else f"{name!r} contains capitals, expected lower case"
