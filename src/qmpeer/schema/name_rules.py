"""Names: how they must look.

Spec: a name is of letters, digits, dash and underscore, and begins with a letter (an enum's value
may begin with a digit, and up to 2.x hold dots). In front, ``__RFQDN_`` marks what a downstream
added, and ``x-`` what is not stable. Types are in CamelCase, events in CAPITALS with underscores,
all else in lower case with dashes.
"""

import re
from typing import Final

_PREFIX: Final = re.compile(r"__[A-Za-z0-9.-]+_")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_CAMEL_CASE: Final = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*\Z|[A-Z][A-Z0-9]*\Z")
_CAPITALS: Final = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_TYPES: Final = ("enum", "struct", "union", "alternate")


def _stem(name: str) -> str:
    prefix = _PREFIX.match(name)
    return name[prefix.end() :] if prefix else name


def name_fault(kind: str, name: str) -> str | None:
    """Return why a name can't be; None if it can.

    Args:
        kind: What it names: struct, command, member, value, feature, ….
        name: The name.

    Example:
        >>> name_fault("struct", "blockInfo")
        "'blockInfo' is not in CamelCase, as names of types are"
        >>> name_fault("command", "__org.example_stop")
    """
    stem = _stem(name)
    if not (_VALUE if kind in ("value", "branch") else _NAME).match(stem):
        return f"{name!r} is no name: letters, digits, '-' and '_' make one, a letter first"
    if stem.lower().replace("-", "_").startswith("q_"):
        return f"{name!r} begins with 'q_', which is kept for QAPI itself"
    if kind in _TYPES:
        if stem.endswith("List"):
            return f"{name!r} ends in 'List', which is kept for arrays"
        if not _CAMEL_CASE.match(stem.removeprefix("x-")):
            return f"{name!r} is not in CamelCase, as names of types are"
    if kind == "event" and not _CAPITALS.match(stem.removeprefix("X-")):
        return f"{name!r} is not in CAPITALS_WITH_UNDERSCORES, as names of events are"
    if kind == "member" and (stem == "u" or stem.startswith(("has-", "has_"))):
        return f"a member can't be named {name!r}: the name is kept for C"
    return None


def style_fault(name: str, *, may_have_underscores: bool = False) -> str | None:
    """Return why a name is not in lower case with dashes; None if it is.

    Example:
        >>> style_fault("block_resize")
        "'block_resize' has '_' where a name has '-'"
    """
    stem = _stem(name)
    for wrong in "_.":
        if wrong in stem and not may_have_underscores:
            return f"{name!r} has '{wrong}' where a name has '-'"
    return None if stem == stem.lower() else f"{name!r} has capitals"
