"""Pragmas: which rules a schema asks for, and which names are excepted from them.

Spec: pragmas are of the whole schema, whichever file they stand in. Since 2.9; up to 5.2 the lists
had other names, and the rules that there are now were not all there yet.

[So that every release can be read, names in lower case with dashes, results that are objects and
documented members are demanded only of schemas that know the rule: those with a pragma of the new
names, or all when the caller says so. What came later than that pragma is demanded only when the
caller says so: dashes in names of members, discriminators of unions, conditions that are names.
A pragma that isn't known may be of a release to come: then it is passed over, unless the caller
wants today's rules.]
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
    """What the pragmas read so far say.

    Attributes:
        is_doc_required: Definitions must be documented.
        is_strict: The rules of style hold.
        is_todays: All of them, because the caller says so.
        needs_member_docs: Members, values and features must be documented as well.
        commands: Commands whose names may have underscores and capitals.
        returns: Commands that may return something else than an object.
        types: Types whose members' names may have underscores and capitals.
        undocumented: Definitions whose members need not be documented.
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

    def take(self, expression: Expression, problems: Problems) -> None:
        """Take one pragma."""
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
                self.is_strict = self.is_strict or key not in _OLD
                if key == "documentation-exceptions":
                    self.needs_member_docs = True
