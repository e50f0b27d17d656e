"""The rules about one kind of clients, by what they are about.

Clients about whom the same rules are share one book.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from qmpeer.effects import CommandEffects
from qmpeer.policy.human import HUMAN_MONITOR_COMMAND
from qmpeer.policy.rules import Decision, Rule, Subject
from qmpeer.policy.verdicts import HIDDEN, Verdict
from qmpeer.policy.view import ClientView

EffectsOf: TypeAlias = Callable[[str], CommandEffects | None]
"""Gives the effects of a command; None for one that is unknown, which no rule can allow."""

TRANSACTION: Final = "transaction"


class RuleBook:
    """The rules about one kind of clients.

    Args:
        rules: The rules, in order.
        effects_of: Gives the effects of commands.

    Attributes:
        effects_of: The same.
        events: The names of the events that these clients may get.
        view: What they see of their server.
    """

    __slots__ = ("_certain", "_needing", "_rules", "effects_of", "events", "view")

    def __init__(self, rules: Sequence[Rule], effects_of: EffectsOf) -> None:
        self.effects_of: EffectsOf = effects_of
        self._rules: dict[Subject, dict[str, list[Rule]]] = {each: {} for each in Subject}
        for rule in rules:
            by_name = self._rules[rule.subject]
            for name in rule.names:
                by_name.setdefault(name, []).append(rule)
        self.events: frozenset[str] = frozenset(
            name
            for name, about in self._rules[Subject.EVENT].items()
            if about[0].decision is Decision.ALLOW
        )
        self.view: ClientView = ClientView(self.is_hidden, self.events)
        self._needing: frozenset[str] = frozenset(self._names_needing_nodes(rules))
        self._certain: dict[str, Verdict | None] = {}  # by command, whatever its arguments

    def about(self, subject: Subject, name: str) -> Sequence[Rule]:
        """Return the rules about a command, an event or a human-monitor command, in order."""
        return self._rules[subject].get(name, ())

    def certain(self, name: str) -> Verdict | None:
        """Return the verdict about a command if it is the same with all arguments."""
        try:
            return self._certain[name]
        except KeyError:
            certain = self._certain_verdict(name)
            if name in self._rules[Subject.COMMAND]:  # of these there are only so many
                self._certain[name] = certain
            return certain

    def is_hidden(self, name: str) -> bool:
        """Return True if no rule could allow a command, with whatever arguments."""
        certain = self.certain(name)
        return certain is not None and certain.decision is Decision.HIDE

    def needs_nodes(self, name: str) -> bool:
        """Return True if a rule about a command asks for the files of nodes."""
        return name in self._needing

    def _names_needing_nodes(self, rules: Sequence[Rule]) -> Iterator[str]:
        for rule in rules:
            if rule.needs_nodes:
                if rule.subject is Subject.HUMAN:
                    yield HUMAN_MONITOR_COMMAND
                else:
                    yield from rule.names
                    yield TRANSACTION

    def _certain_verdict(self, name: str) -> Verdict | None:
        if name == HUMAN_MONITOR_COMMAND:
            about = self._rules[Subject.HUMAN].values()
            can_pass = any(rule.decision is Decision.ALLOW for rules in about for rule in rules)
            return None if can_pass else HIDDEN
        rules = self.about(Subject.COMMAND, name)
        effects = self.effects_of(name)
        if effects is None or not any(map(_is_shown, rules)):
            return HIDDEN
        first = rules[0]
        if not first.is_unconditional:
            return None
        if first.decision is not Decision.ALLOW:
            return Verdict(first.decision, first)
        is_plain = first.rate is None and first.force is None and name != TRANSACTION
        if is_plain and (first.is_unchecked or not effects.sensitive):
            return Verdict(first.decision, first, blank=first.blank)
        return None


def _is_shown(rule: Rule) -> bool:
    """Return True if a rule may allow a command, or denies it by name whatever its arguments.

    A rule that denies some arguments shows nothing: without another one nothing is allowed.
    """
    is_denied = rule.decision is Decision.DENY and rule.is_unconditional
    return rule.decision is Decision.ALLOW or is_denied
