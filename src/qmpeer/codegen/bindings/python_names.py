"""Python names for the names of a schema, unique within each scope."""

import keyword
import re
from collections.abc import Iterable
from typing import Final

IMPORTED: Final = (
    "Annotated",
    "Any",
    "ClassVar",
    "Command",
    "Empty",
    "Enumeration",
    "EventType",
    "Final",
    "Schema",
    "Struct",
    "TypeAlias",
    "UNSET",
    "UnknownBranch",
    "UnsetType",
    "annotations",
    "command",
    "deprecated",
    "event_type",
    "TYPE_CHECKING",
    "union_command",
)
"""The names that a generated module imports."""

_OWN: Final = ("SCHEMA_HASH", "schema")
CLASS_SCOPE: Final = frozenset(
    {"branch_tags", "deprecated_members", "extra", "members", "tag", "values", *IMPORTED}
)
"""The names that an attribute can't have."""

_MODULE_SCOPE: Final = frozenset({*IMPORTED, *_OWN})
_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9_]+")
_WORDS: Final = re.compile(r"[A-Za-z0-9]+")


def variable_name(name: str) -> str:
    """Return the name of a function, a parameter or an attribute.

    Dashes and dots become underscores. Leading underscores are removed, because they have a meaning
    in classes. Keywords and names used in annotations get an underscore at the end.

    Example:
        >>> variable_name("node-name"), variable_name("class"), variable_name("__com.acme_x")
        ('node_name', 'class_', 'com_acme_x')
        >>> variable_name("str"), variable_name("2nd")
        ('str_', '_2nd')
    """
    result = _NOT_A_WORD.sub("_", name).lstrip("_") or "_"
    if result[0].isdigit():
        return "_" + result
    if keyword.iskeyword(result) or result in _ANNOTATION_WORDS:
        return result + "_"
    return result


# An attribute with such a name would hide the type from the annotations after it.
_ANNOTATION_WORDS: Final = frozenset({"bool", "dict", "float", "int", "list", "property", "str"})


def constant_name(name: str) -> str:
    """Return the name of a constant, for an enum value or an event.

    Example:
        >>> constant_name("null-co"), constant_name("BLOCK_JOB_READY"), constant_name("2.0")
        ('NULL_CO', 'BLOCK_JOB_READY', '_2_0')
    """
    result = _NOT_A_WORD.sub("_", name).strip("_").upper() or "_"
    return "_" + result if result[0].isdigit() else result


def class_name(name: str) -> str:
    """Return the name of a class: the type's own name if it is valid, or else in CamelCase.

    Example:
        >>> class_name("StatusInfo"), class_name("q-obj.x"), class_name("__org.acme_Type")
        ('StatusInfo', 'QObjX', 'OrgAcmeType')
    """
    if name.isidentifier() and name[0].isupper():
        return name
    result = camel_case(name)
    if not result or result[0].isdigit():
        result = "_" + result
    return result


def camel_case(name: str) -> str:
    """Return a name's words in CamelCase.

    Example:
        >>> camel_case("null-co"), camel_case("BLOCK_JOB_READY"), camel_case("x-colo")
        ('NullCo', 'BlockJobReady', 'XColo')
    """
    words = (word.lower() if word.isupper() else word for word in _WORDS.findall(name))
    words = (part for word in words for part in word.split("_"))
    return "".join(word[:1].upper() + word[1:] for word in words)


class Scope:
    """A set of used names, which makes each new name unique.

    Example:
        >>> scope = Scope(["extra"])
        >>> scope.take("extra"), scope.take("a_b"), scope.take("a_b"), scope.take("a_b")
        ('extra_', 'a_b', 'a_b_', 'a_b_2')
    """

    def __init__(self, taken: Iterable[str] = _MODULE_SCOPE) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}  # the next number to try for each name

    def take(self, preferred: str) -> str:
        """Reserve a name and return it: the preferred one, or that one with a suffix."""
        name, number = preferred, self._numbers.get(preferred, 1)
        while name in self._taken or keyword.iskeyword(name):
            name = preferred + "_" if number == 1 else f"{preferred}_{number}"
            number += 1
        self._numbers[preferred] = number
        self._taken.add(name)
        return name
