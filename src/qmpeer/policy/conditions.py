"""The conditions of a rule, held against a command: why the rule doesn't take it.

An allow rule takes no command with a sensitive member that it doesn't test: it would let pass what
nobody has thought of. Nor does it take a block node that leaves its backing file to the image. What
can't be judged doesn't hold in an allow rule, and holds in the others.

Source: `qmpeer.effects`, which says what is sensitive.
"""

from collections.abc import Sequence

from qmpeer.effects import CommandEffects, sensitive_members
from qmpeer.messages.shown_values import shown_path
from qmpeer.policy.images import omission
from qmpeer.policy.rates import size_failure
from qmpeer.policy.rules import (
    CannotTell,
    Decision,
    Facts,
    MemberPath,
    PolicyClient,
    Rule,
    with_forced,
)
from qmpeer.values import JsonObject


def failure_of(
    rule: Rule,
    effects: CommandEffects,
    arguments: JsonObject,
    client: PolicyClient,
    facts: Facts,
) -> str | None:
    """Return why a rule doesn't take a command; None if it does.

    Args:
        rule: The rule, which is about this client and this command.
        effects: The command's effects.
        arguments: Its arguments.
        client: The client.
        facts: What the rule may ask.
    """
    for test in rule.tests:
        try:
            failure = test.failure(arguments, facts)
        except ValueError as error:
            failure = CannotTell(error)
        if failure is not None and not _holds_unjudged(rule, failure):
            return f"{path_text(test.path)}: {failure}"
    if rule.size is not None and (failure := size_failure(arguments, rule.size)) is not None:
        return failure
    if rule.predicate is not None:
        failure = rule.predicate.failure(effects.name, arguments, client, facts)
        if failure is not None and not _holds_unjudged(rule, failure):
            return failure
    if rule.decision is Decision.ALLOW and effects.sensitive and not rule.is_unchecked:
        sent = arguments if rule.force is None else with_forced(arguments, rule.force)
        return _untested(rule, effects, arguments) or omission(effects.name, sent)
    return None


def _holds_unjudged(rule: Rule, failure: str) -> bool:
    """Return True if a condition counts as if it held, because it can't be judged."""
    return rule.decision is not Decision.ALLOW and isinstance(failure, CannotTell)


def _untested(rule: Rule, effects: CommandEffects, arguments: JsonObject) -> str | None:
    """Return the failure of an allow rule that leaves a sensitive member untested."""
    ruled_on = rule.ruled_on
    for path in sensitive_members(effects, arguments):
        if not any(_covers(tested, below, path) for tested, below in ruled_on):
            return f"{path_text(path)}: found a sensitive member, which this rule doesn't test"
    return None


def _covers(tested: MemberPath, covers_below: bool, path: Sequence[str | int]) -> bool:
    """Return True if a condition on a member rules on the member at a path."""
    if len(tested) > len(path) or (len(tested) < len(path) and not covers_below):
        return False
    return all(
        name == each or (name == "*" and isinstance(each, int))
        for name, each in zip(tested, path, strict=False)
    )


def path_text(path: Sequence[str | int]) -> str:
    """Return a path as errors show it, such as arguments.file.filename."""
    return f"arguments{shown_path(path)}"
