"""The rules that a schema's pragmas require, and the exceptions from them.

Spec: a pragma applies to the whole schema, in whichever file it is. Pragmas exist since 2.9. Up to
5.2 the lists of exceptions had other names, and some of today's rules didn't exist.

[Schemas of every release must be readable. So these rules apply only if the schema has a list of
exceptions under its new name, or if the caller asks for them: names in lower case with dashes,
objects as return values, documented members. Rules newer than these lists apply only if the caller
asks for them: dashes in member names, discriminators for all unions, plain names as conditions. An
unknown pragma may come from a future release. It is ignored, unless the caller asks for today's
rules.]
"""

from typing import Final

from qmpeer.schema.expressions import Expression, described
from qmpeer.schema.source_files import Problems
from qmpeer.schema.syntax import ArrayNode, ObjectNode

_LISTS: Final = {
    "command-name-exceptions": "commands",
    "command-returns-exceptions": "returns",
    "documentation-exceptions": "undocumented",
    "member-name-exceptions": "types",
    "returns-whitelist": "returns",
    "name-case-whitelist": "types",
}
_OLD: Final = ("returns-whitelist", "name-case-whitelist")


class Pragmas:
    """The rules required by the pragmas that have been read.

    Args:
        is_strict: Apply all of today's rules from the start.

    Attributes:
        is_doc_required: True if definitions must be documented.
        is_strict: True if the rules of style apply.
        is_todays: True if all of today's rules apply, because the caller asked for them.
        needs_member_docs: True if members, values and features must be documented as well.
        commands: Commands whose names may contain underscores and capitals.
        returns: Commands that may return something other than an object.
        types: Types whose members' names may contain underscores and capitals.
        undocumented: Definitions whose members need no documentation.
    """

    def __init__(self, is_strict: bool = False) -> None:
        self.is_doc_required: bool = is_strict
        self.is_strict: bool = is_strict
        self.is_todays: bool = is_strict
        self.needs_member_docs: bool = is_strict
        self.commands: set[str] = set()
        self.returns: set[str] = set()
        self.types: set[str] = set()
        self.undocumented: set[str] = set()

    def apply(self, expression: Expression, problems: Problems) -> None:
        """Apply one pragma."""
        pragma = expression.node["pragma"]
        assert isinstance(pragma, ObjectNode)
        for key, value in pragma.items():
            place = expression.place.at(pragma.values_at[key])
            if key == "doc-required":
                if not isinstance(value, bool):
                    problems.semantic(place, f"'{key}' is {described(value)}, not true or false")
                else:
                    self.is_doc_required = value
            elif key not in _LISTS:
                if self.is_todays:
                    problems.semantic(place.at(pragma.keys_at[key]), f"unknown pragma '{key}'")
            elif not isinstance(value, ArrayNode) or not all(type(item) is str for item in value):
                problems.semantic(place, f"'{key}' is not an array of strings")
            else:
                getattr(self, _LISTS[key]).update(value)
                # A schema with a list under its new name is written for today's rules.
                self.is_strict = self.is_strict or key not in _OLD
                if key == "documentation-exceptions":
                    self.needs_member_docs = True
