"""The schema of a server as one model, read from QAPI files or from introspection.

The model itself is imported at once. The functions that read, check and write it are imported on
first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.schema.differences import Change, Differences, differences
from qmpeer.schema.listing import listing
from qmpeer.schema.model import (
    ANY_INTEGER,
    BUILT_INS,
    EMPTY,
    SPECIAL_FEATURES,
    AllOf,
    AlternateDefinition,
    AnyOf,
    Array,
    Branch,
    BuiltIn,
    CommandDefinition,
    Condition,
    Definition,
    Documentation,
    Entity,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    IntrospectionForm,
    Member,
    Not,
    Schema,
    Section,
    StructDefinition,
    Type,
    UnionDefinition,
    special_features,
)
from qmpeer.schema.name_rules import name_fault
from qmpeer.schema.policy import Policy

if TYPE_CHECKING:
    from qmpeer.schema.answer_hash import introspection_hash
    from qmpeer.schema.conditions import condition_text, is_met
    from qmpeer.schema.flattened import Shape, shape_of
    from qmpeer.schema.hiding import Hiding
    from qmpeer.schema.introspection import introspection_of
    from qmpeer.schema.introspection_names import label_types
    from qmpeer.schema.introspection_source import schema_from_introspection
    from qmpeer.schema.language import ReadFile, schema_from_qapi
    from qmpeer.schema.paths import Answer, find
    from qmpeer.schema.selection import hide_deprecated, only, select
    from qmpeer.schema.validation import ArgumentsCheck, Validator

__all__ = [
    "ANY_INTEGER",
    "BUILT_INS",
    "EMPTY",
    "SPECIAL_FEATURES",
    "AllOf",
    "AlternateDefinition",
    "Answer",
    "AnyOf",
    "ArgumentsCheck",
    "Array",
    "Branch",
    "BuiltIn",
    "Change",
    "CommandDefinition",
    "Condition",
    "Definition",
    "Differences",
    "Documentation",
    "Entity",
    "EnumDefinition",
    "EnumValue",
    "EventDefinition",
    "Feature",
    "Hiding",
    "IntrospectionForm",
    "Member",
    "Not",
    "Policy",
    "ReadFile",
    "Schema",
    "Section",
    "Shape",
    "StructDefinition",
    "Type",
    "UnionDefinition",
    "Validator",
    "condition_text",
    "differences",
    "find",
    "hide_deprecated",
    "introspection_hash",
    "introspection_of",
    "is_met",
    "label_types",
    "listing",
    "name_fault",
    "only",
    "schema_from_introspection",
    "schema_from_qapi",
    "select",
    "shape_of",
    "special_features",
]

_HOMES = {
    "Answer": "qmpeer.schema.paths",
    "ArgumentsCheck": "qmpeer.schema.validation",
    "Hiding": "qmpeer.schema.hiding",
    "ReadFile": "qmpeer.schema.language",
    "Shape": "qmpeer.schema.flattened",
    "Validator": "qmpeer.schema.validation",
    "condition_text": "qmpeer.schema.conditions",
    "find": "qmpeer.schema.paths",
    "hide_deprecated": "qmpeer.schema.selection",
    "introspection_hash": "qmpeer.schema.answer_hash",
    "introspection_of": "qmpeer.schema.introspection",
    "is_met": "qmpeer.schema.conditions",
    "label_types": "qmpeer.schema.introspection_names",
    "only": "qmpeer.schema.selection",
    "schema_from_introspection": "qmpeer.schema.introspection_source",
    "schema_from_qapi": "qmpeer.schema.language",
    "select": "qmpeer.schema.selection",
    "shape_of": "qmpeer.schema.flattened",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
