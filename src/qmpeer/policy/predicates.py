"""Predicates in a policy's file: read and tried, mistakes told with their place inside the text."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from qmpeer.policy.cel_predicate import CelPredicate
from qmpeer.policy.cel_syntax import PredicateError
from qmpeer.policy.cel_trial import try_predicate
from qmpeer.policy.table_schema import table_schema
from qmpeer.toml.items import Item

if TYPE_CHECKING:
    from qmpeer.schema import Schema


def read_predicate(
    item: Item, commands: Collection[str], schema: "Schema | None" = None
) -> CelPredicate:
    """Read a rule's condition in CEL, and try it.

    Args:
        item: The expression in the file.
        commands: The commands that the rule is about.
        schema: The server's schema; None for what all releases of QEMU have.

    Raises:
        PolicyError: If it can't be, at the place of the mistake.
        ModuleNotFoundError: If the extra ``policy`` isn't installed.
    """
    try:
        predicate = CelPredicate(item.text())
        try_predicate(predicate, commands, schema or table_schema())
    except PredicateError as error:
        raise item.refused_inside(error.reason, error.offset) from None
    return predicate
