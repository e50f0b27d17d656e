"""Predicates in a policy's file: read and tried, mistakes told with their place inside the text."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from qmpeer.effects import CommandEffects
from qmpeer.effects.sensitive import is_sensitive
from qmpeer.policy.cel_nodes import PredicateError
from qmpeer.policy.cel_predicate import CelPredicate
from qmpeer.policy.cel_trial import try_predicate
from qmpeer.policy.table_schema import human_schema, table_schema
from qmpeer.toml.items import Item

if TYPE_CHECKING:
    from qmpeer.schema import Schema


def read_predicate(
    item: Item,
    commands: Collection[str],
    schema: "Schema | None" = None,
    *,
    is_human: bool = False,
) -> CelPredicate:
    """Read a rule's condition in CEL, and try it.

    Args:
        item: The expression in the file.
        commands: The commands that the rule is about.
        schema: The server's schema; None for what all releases of QEMU have.
        is_human: True if these are human-monitor commands, which no schema has.

    Raises:
        PolicyError: If it can't be, at the place of the mistake.
        ModuleNotFoundError: If the extra ``policy`` isn't installed.
    """
    try:
        predicate = CelPredicate(item.text())
        known = human_schema(commands) if is_human else schema or table_schema()
        try_predicate(predicate, commands, known)
    except PredicateError as error:
        raise item.refused_inside(error.reason, error.offset) from None
    return predicate


def text_test_warnings(predicate: CelPredicate, effects: CommandEffects) -> Iterator[str]:
    """Give a warning for each plain test of a text that stands for a path.

    Args:
        predicate: The condition of a rule.
        effects: The effects of a command that the rule is about.
    """
    for function, path in predicate.text_tests:
        if is_sensitive(effects, path):
            name = ".".join(path)
            yield (
                f"{function} of args.{name} is a test of the text: "
                f'"/srv/../etc" begins with "/srv/"; expected under(args.{name}, "/srv")'
            )
