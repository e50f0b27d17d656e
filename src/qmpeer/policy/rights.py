"""The rights of one client: the judgement of its commands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from qmpeer.effects import CommandEffects
from qmpeer.errors import HumanLineError
from qmpeer.messages import CommandMessage
from qmpeer.policy.conditions import failure_of
from qmpeer.policy.human import HUMAN_MONITOR_COMMAND, asks_a_register, read_human_command
from qmpeer.policy.rates import Rates
from qmpeer.policy.rule_book import TRANSACTION, RuleBook
from qmpeer.policy.rules import Decision, Facts, PolicyClient, Rule, Subject, with_forced
from qmpeer.policy.verdicts import Verdict
from qmpeer.policy.view import ClientView
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.effects import HumanCommand

_MISSES: Final = 3
"""The rules that nearly took a command which an error names at most."""


class Consideration(msgspec.Struct, frozen=True):
    """A rule that was looked at for a command.

    Attributes:
        rule: The rule.
        failure: Why it doesn't take the command; None if it does, and so decides.
    """

    rule: Rule
    failure: str | None


class Rights:
    """The rights of one client.

    Args:
        book: The rules about it.
        client: The client.
        rates: Counts its commands.

    Attributes:
        client: The same.
    """

    __slots__ = ("_book", "_rates", "client")

    def __init__(self, book: RuleBook, client: PolicyClient, rates: Rates) -> None:
        self.client: PolicyClient = client
        self._book = book
        self._rates = rates

    @property
    def events(self) -> frozenset[str]:
        """The names of the events that the client may get."""
        return self._book.events

    @property
    def view(self) -> ClientView:
        """What the client sees of its server."""
        return self._book.view

    def is_hidden(self, name: str) -> bool:
        """Return True if no rule could allow a command, with whatever arguments."""
        return self._book.is_hidden(name)

    def needs_nodes(self, name: str) -> bool:
        """Return True if a rule about a command asks for the files of nodes."""
        return self._book.needs_nodes(name)

    def certain(self, name: str) -> Verdict | None:
        """Return the verdict about a command if it is the same with all arguments."""
        return self._book.certain(name)

    def judge(self, command: CommandMessage, facts: Facts) -> Verdict:
        """Judge a command. What can't be judged is denied."""
        name = command.name
        certain = self._book.certain(name)
        if certain is not None:
            return certain
        arguments = command.arguments or {}
        if name == HUMAN_MONITOR_COMMAND:
            return self._judge_human(arguments, facts)
        verdict = self._verdict(self._considered(name, arguments, facts), arguments)
        if verdict.is_allowed and name == TRANSACTION:
            return self._judge_actions(verdict, arguments, facts)
        return verdict

    def considered(self, command: CommandMessage, facts: Facts) -> Iterator[Consideration]:
        """Look at the rules about a command in order, up to the one that decides.

        No rule is about a human-monitor-command whose line isn't read with certainty. A rule's rate
        isn't looked at.
        """
        arguments = command.arguments or {}
        if command.name == HUMAN_MONITOR_COMMAND:
            try:
                return self._considered_human(read_human_command(arguments), facts)
            except HumanLineError:
                return iter(())
        return self._considered(command.name, arguments, facts)

    def _considered(
        self, name: str, arguments: JsonObject, facts: Facts
    ) -> Iterator[Consideration]:
        effects = self._book.effects_of(name)
        if effects is None:
            return
        for rule in self._book.about(Subject.COMMAND, name):
            failure = self._failure(rule, effects, arguments, facts)
            yield Consideration(rule, failure)
            if failure is None:
                return

    def _failure(
        self, rule: Rule, effects: CommandEffects, arguments: JsonObject, facts: Facts
    ) -> str | None:
        return failure_of(rule, effects, arguments, self.client, facts)

    def _verdict(self, considered: Iterator[Consideration], arguments: JsonObject) -> Verdict:
        """Return what the rule that takes a command decides, or say that there is none."""
        misses: list[str] = []
        for each in considered:
            if each.failure is None:
                return self._decided(each.rule, arguments)
            if each.rule.decision is Decision.ALLOW and len(misses) < _MISSES:
                misses.append(f"rule {each.rule.name}: {each.failure}")
        return Verdict(Decision.DENY, reason="; ".join(misses))

    def _decided(self, rule: Rule, arguments: JsonObject) -> Verdict:
        """Return the verdict of a rule that takes a command."""
        if rule.decision is not Decision.ALLOW:
            return Verdict(rule.decision, rule)
        if rule.rate is not None:
            failure = self._rates.failure(self.client, rule.name, rule.rate)
            if failure is not None:
                return Verdict(Decision.DENY, rule, failure)
        forced = None if rule.force is None else with_forced(arguments, rule.force)
        return Verdict(rule.decision, rule, arguments=forced, blank=rule.blank)

    # The human monitor

    def _judge_human(self, arguments: JsonObject, facts: Facts) -> Verdict:
        """Judge the human-monitor command in the arguments."""
        try:
            command = read_human_command(arguments)
        except HumanLineError as error:
            return Verdict(Decision.DENY, reason=str(error))
        verdict = self._verdict(self._considered_human(command, facts), {})
        if verdict.is_allowed:
            return verdict
        reason = f"{command.name}: {verdict.reason}" if verdict.reason else command.name
        return msgspec.structs.replace(verdict, reason=reason)

    def _considered_human(self, command: "HumanCommand", facts: Facts) -> Iterator[Consideration]:
        from qmpeer.effects import human_effects_of  # start: 15 ms

        effects = human_effects_of(command.name)
        assert effects is not None, "what has been read is known"
        for rule in self._book.about(Subject.HUMAN, command.name):
            if not asks_a_register(rule, command):
                failure = self._failure(rule, effects, command.arguments, facts)
            elif rule.decision is Decision.ALLOW:
                failure = "found a register, whose value isn't known here"
            else:
                failure = None
            yield Consideration(rule, failure)
            if failure is None:
                return

    # Transactions

    def _judge_actions(self, whole: Verdict, arguments: JsonObject, facts: Facts) -> Verdict:
        """Judge each action of a transaction as the command of its name."""
        if whole.arguments is not None:
            arguments = whole.arguments
        actions = arguments.get("actions")
        if not isinstance(actions, list):
            return Verdict(Decision.DENY, whole.rule, "actions: expected a list")
        judged: list[JsonValue] = []
        is_forced = False
        for index, action in enumerate(actions):
            name, data = _action(action)
            if name is None or data is None or name == TRANSACTION:
                reason = f"actions[{index}]: expected an action with its type and data"
                return Verdict(Decision.DENY, whole.rule, reason)
            verdict = self.judge(CommandMessage(name, data), facts)
            if not verdict.is_allowed:
                inner = verdict.error(name)["desc"]
                return Verdict(Decision.DENY, verdict.rule, f"actions[{index}]: {inner}")
            if verdict.arguments is not None:
                is_forced = True
                data = verdict.arguments
            judged.append({"type": name, "data": data})
        if is_forced:
            forced: JsonObject = {**arguments, "actions": judged}
            return msgspec.structs.replace(whole, arguments=forced)
        return whole


def _action(action: JsonValue) -> tuple[str | None, JsonObject | None]:
    """Return the type and the data of an action; None for what isn't as it should be."""
    if not isinstance(action, dict) or not action.keys() <= {"type", "data"}:
        return None, None
    name, data = action.get("type"), action.get("data")
    return name if isinstance(name, str) else None, data if isinstance(data, dict) else None
