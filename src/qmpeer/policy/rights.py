"""The rights of one client: the judgement of its commands, and which events it gets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from qmpeer.effects import (
    CommandEffects,
    HumanCommand,
    human_effects_of,
    sensitive_members,
)
from qmpeer.errors import HumanLineError
from qmpeer.messages import CommandMessage
from qmpeer.policy.human import HUMAN_MONITOR_COMMAND, asks_a_register, read_human_command
from qmpeer.policy.rules import (
    CannotTell,
    Decision,
    Facts,
    MemberPath,
    PolicyClient,
    Rule,
    Subject,
    with_forced,
)
from qmpeer.policy.verdicts import HIDDEN, Verdict
from qmpeer.values import JsonObject, JsonValue

EffectsOf: TypeAlias = Callable[[str], CommandEffects | None]
"""Gives the effects of a command; None for one that is unknown, which no rule can allow."""

TRANSACTION: Final = "transaction"
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
        rules: The rules about this client, in order.
        client: The client.
        effects_of: Gives the effects of commands.

    Attributes:
        client: The same.
        events: The names of the events that the client may get.
    """

    __slots__ = ("_certain", "_effects_of", "_rules", "client", "events")

    def __init__(self, rules: Sequence[Rule], client: PolicyClient, effects_of: EffectsOf) -> None:
        self.client: PolicyClient = client
        self._effects_of = effects_of
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
        self._certain: dict[str, Verdict | None] = {}  # by command, whatever its arguments

    # Commands

    def judge(self, command: CommandMessage, facts: Facts) -> Verdict:
        """Judge a command. It never raises: what can't be judged is denied."""
        name = command.name
        certain = self.certain(name)
        if certain is not None:
            return certain
        arguments = command.arguments or {}
        if name == HUMAN_MONITOR_COMMAND:
            return self._judge_human(arguments, facts)
        verdict = self._verdict(self._considered(name, arguments, facts), arguments)
        if verdict.is_allowed and name == TRANSACTION:
            return self._judge_actions(verdict, arguments, facts)
        return verdict

    def certain(self, name: str) -> Verdict | None:
        """Return the verdict about a command if it is the same with all arguments."""
        try:
            return self._certain[name]
        except KeyError:
            certain = self._certain_verdict(name)
            if name in self._rules[Subject.COMMAND]:  # of these there are only so many
                self._certain[name] = certain
            return certain

    def considered(self, command: CommandMessage, facts: Facts) -> Iterator[Consideration]:
        """Look at the rules about a command in order, up to the one that decides.

        Raises:
            HumanLineError: If it is a human-monitor-command that can't be read.
        """
        arguments = command.arguments or {}
        if command.name == HUMAN_MONITOR_COMMAND:
            return self._considered_human(read_human_command(arguments), facts)
        return self._considered(command.name, arguments, facts)

    def allows_event(self, name: str) -> bool:
        """Return True if the client may get events of a name."""
        return name in self.events

    def is_hidden(self, name: str) -> bool:
        """Return True if no rule could allow a command, with whatever arguments."""
        certain = self._certain_verdict(name)
        return certain is not None and certain.decision is Decision.HIDE

    def needs_nodes(self, name: str) -> bool:
        """Return True if a rule about a command asks for the files of nodes."""
        is_human = name == HUMAN_MONITOR_COMMAND
        rules = self._rules[Subject.HUMAN if is_human else Subject.COMMAND]
        names: Iterable[str] = rules if is_human or name == TRANSACTION else (name,)
        return any(rule.needs_nodes for each in names for rule in rules.get(each, ()))

    def _certain_verdict(self, name: str) -> Verdict | None:
        """Return the verdict about a command if it doesn't depend on anything else."""
        if name == HUMAN_MONITOR_COMMAND:
            about = self._rules[Subject.HUMAN].values()
            can_pass = any(rule.decision is Decision.ALLOW for rules in about for rule in rules)
            return None if can_pass else HIDDEN
        rules = self._rules[Subject.COMMAND].get(name, [])
        effects = self._effects_of(name)
        if effects is None or not any(map(_is_shown, rules)):
            return HIDDEN
        first = rules[0]
        if not first.is_unconditional:
            return None
        if first.decision is Decision.ALLOW:
            is_plain = first.rate is None and first.force is None and name != TRANSACTION
            if not (is_plain and (first.is_unchecked or not effects.sensitive)):
                return None
        return _decided(first, {})

    def _considered(
        self, name: str, arguments: JsonObject, facts: Facts
    ) -> Iterator[Consideration]:
        effects = self._effects_of(name)
        if effects is None:
            return
        for rule in self._rules[Subject.COMMAND].get(name, ()):
            failure = self._failure(rule, effects, arguments, facts)
            yield Consideration(rule, failure)
            if failure is None:
                return

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

    def _considered_human(self, command: HumanCommand, facts: Facts) -> Iterator[Consideration]:
        effects = human_effects_of(command.name)
        assert effects is not None, "what has been read is known"
        for rule in self._rules[Subject.HUMAN].get(command.name, ()):
            if not asks_a_register(rule, command):
                failure = self._failure(rule, effects, command.arguments, facts)
            elif rule.decision is Decision.ALLOW:
                failure = "found a register, whose value isn't known here"
            else:
                failure = None
            yield Consideration(rule, failure)
            if failure is None:
                return

    def _failure(
        self, rule: Rule, effects: CommandEffects, arguments: JsonObject, facts: Facts
    ) -> str | None:
        """Return why a rule doesn't take a command; None if it does."""
        for test in rule.tests:
            try:
                failure = test.failure(arguments, facts)
            except ValueError as error:
                failure = CannotTell(error)
            if failure is not None and not _holds_unjudged(rule, failure):
                return f"{path_text(test.path)}: {failure}"
        if rule.size is not None:
            size = len(msgspec.json.encode(arguments))
            if size > rule.size:
                return f"found {size} bytes of arguments, expected at most {rule.size}"
        if rule.predicate is not None:
            failure = rule.predicate.failure(effects.name, arguments, self.client, facts)
            if failure is not None and not _holds_unjudged(rule, failure):
                return failure
        if rule.decision is Decision.ALLOW and effects.sensitive and not rule.is_unchecked:
            return _untested(rule, effects, arguments)
        return None

    def _verdict(self, considered: Iterator[Consideration], arguments: JsonObject) -> Verdict:
        """Return what the rule that takes a command decides, or say that there is none."""
        misses: list[str] = []
        for each in considered:
            if each.failure is None:
                return _decided(each.rule, arguments)
            if each.rule.decision is Decision.ALLOW and len(misses) < _MISSES:
                misses.append(f"rule {each.rule.name}: {each.failure}")
        return Verdict(Decision.DENY, reason="; ".join(misses))

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


def _is_shown(rule: Rule) -> bool:
    """Return True if a rule may allow a command, or denies it by name whatever its arguments.

    A rule that denies some arguments shows nothing: without another one nothing is allowed.
    """
    is_denied = rule.decision is Decision.DENY and rule.is_unconditional
    return rule.decision is Decision.ALLOW or is_denied


def _holds_unjudged(rule: Rule, failure: str) -> bool:
    """Return True if a condition counts as if it held, because it can't be judged."""
    return rule.decision is not Decision.ALLOW and isinstance(failure, CannotTell)


def _action(action: JsonValue) -> tuple[str | None, JsonObject | None]:
    """Return the type and the data of an action; None for what isn't as it should be."""
    if not isinstance(action, dict) or not action.keys() <= {"type", "data"}:
        return None, None
    name, data = action.get("type"), action.get("data")
    return name if isinstance(name, str) else None, data if isinstance(data, dict) else None


def _decided(rule: Rule, arguments: JsonObject) -> Verdict:
    """Return the verdict of a rule that takes a command."""
    if rule.decision is not Decision.ALLOW:
        return Verdict(rule.decision, rule)
    forced = None if rule.force is None else with_forced(arguments, rule.force)
    return Verdict(rule.decision, rule, arguments=forced, blank=rule.blank)


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
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return f"arguments{''.join(parts)}"
