"""Rules that can never decide, since earlier rules take everything before.

A rule is shadowed if for each of its names, and for each table of clients, one earlier rule takes
whatever it would take: that rule is about these clients at least, and has no condition that isn't
one of this rule, too. An earlier allow rule without ``unchecked`` leaves commands with untested
sensitive members to later rules, so it shadows nothing about commands that have any.
"""

from collections.abc import Callable, Iterable

from qmpeer.effects import CommandEffects
from qmpeer.policy.rules import Decision, Rule, Subject, Who


class Earlier:
    """The rules so far, by what they are about.

    Args:
        effects_of: Gives the effects of commands.
    """

    def __init__(self, effects_of: Callable[[str], CommandEffects | None]) -> None:
        self._effects_of = effects_of
        # By the last condition, too, the most special one mostly: a rule without it isn't shadowed.
        self._rules: dict[tuple[Subject, str, str], list[Rule]] = {}

    def add(self, rule: Rule) -> None:
        """Add a rule behind those that are there."""
        last = repr(rule.tests[-1]) if rule.tests else ""
        for name in rule.names:
            self._rules.setdefault((rule.subject, name, last), []).append(rule)

    def shadowing(self, rule: Rule) -> tuple[Rule, ...]:
        """Return the rules that leave nothing to a rule; none if it can decide something."""
        shadows: dict[str, Rule] = {}
        lasts = ["", *map(repr, rule.tests)]
        for name in rule.names:
            about = [
                each
                for last in lasts
                for each in self._rules.get((rule.subject, name, last), ())
                if _takes_as_much(each, rule) and not _leaves_some(each, name, self._effects_of)
            ]
            for who in (None,) if rule.who is None else rule.who:
                found = next((each for each in about if _is_wider(each.who, who)), None)
                if found is None:
                    return ()
                shadows[found.name] = found
        return tuple(shadows.values())


def _takes_as_much(earlier: Rule, rule: Rule) -> bool:
    """Return True if each condition of an earlier rule is one of a rule, too."""
    return (
        all(test in rule.tests for test in earlier.tests)
        and earlier.predicate is None
        and (earlier.size is None or (rule.size is not None and rule.size <= earlier.size))
    )


def _leaves_some(rule: Rule, name: str, effects_of: Callable[[str], CommandEffects | None]) -> bool:
    """Return True if a rule doesn't take some commands that meet its conditions."""
    if rule.decision is not Decision.ALLOW or rule.is_unchecked:
        return False
    if rule.subject is not Subject.COMMAND:
        return rule.subject is Subject.HUMAN
    effects = effects_of(name)
    return effects is not None and bool(effects.sensitive)


def _is_wider(whole: Iterable[Who] | None, part: Who | None) -> bool:
    """Return True if each client of one table is one of some tables, as far as that is certain."""
    if whole is None:
        return True
    return part is not None and any(_holds(each, part) for each in whole)


def _holds(whole: Who, part: Who) -> bool:
    pairs = (
        (whole.listeners, part.listeners),
        (whole.uids, part.uids),
        (whole.gids, part.gids),
        (whole.certificates, part.certificates),
    )
    return all(
        some is None or (fewer is not None and set(fewer) <= set(some)) for some, fewer in pairs
    )
