"""The decisions of a policy as text for people."""

from collections.abc import Iterator, Sequence

from qmpeer.display.safe_text import visible
from qmpeer.effects import effects_of, human_effects_of, sensitive_members
from qmpeer.errors import HumanLineError
from qmpeer.messages import CommandMessage, redact_arguments, redact_human_line
from qmpeer.messages.shown_values import shown_value
from qmpeer.policy import Decision, Policy, PolicyClient, Rights, Rule, Verdict
from qmpeer.policy.cases import SupposedFacts
from qmpeer.policy.conditions import path_text
from qmpeer.policy.human import HUMAN_MONITOR_COMMAND, read_human_command
from qmpeer.policy.rule_book import TRANSACTION
from qmpeer.policy.rules import Subject
from qmpeer.values import JsonObject


def command_lines(
    policy: Policy, client: PolicyClient, command: CommandMessage, facts: SupposedFacts
) -> Iterator[str]:
    """Give the verdict about a command, and how it comes about."""
    rights = policy.rights(client)
    verdict = rights.judge(command, facts)
    yield visible(f"{verdict_text(verdict, command.name)}")
    yield from map(visible, _effect_lines(policy, command))
    # A further look counts against no rate: these rights have judged one command.
    yield from map(visible, _rule_lines(rights, command, facts))
    if verdict.arguments is not None:
        sent = redact_arguments(command.name, verdict.arguments)
        yield visible(f"is sent with {shown_value(sent)}")
    if verdict.blank:
        yield visible(f"blanks in the reply: {', '.join(map('.'.join, verdict.blank))}")
    if policy.is_dry_run and not verdict.is_allowed:
        yield "dry-run is on: the proxy only tells, and lets it pass"


def verdict_text(verdict: Verdict, name: str) -> str:
    """Return a verdict in one line."""
    if verdict.decision is Decision.ALLOW:
        return f"allow {name}: rule {verdict.rule_name}"
    error = verdict.error(name)
    by = f"rule {verdict.rule_name}" if verdict.rule is not None else "no rule could allow it"
    if verdict.decision is Decision.HIDE:
        return f"hide {name}: {by}; the client gets {error['class']}: {error['desc']}"
    return f"deny {name}: the client gets {error['class']}: {error['desc']}"


def _effect_lines(policy: Policy, command: CommandMessage) -> Iterator[str]:
    effects, arguments = policy.effects_of(command.name), command.arguments or {}
    if command.name == HUMAN_MONITOR_COMMAND:
        try:
            human = read_human_command(arguments)
        except HumanLineError:
            return
        line = arguments["command-line"]
        has_secret = isinstance(line, str) and redact_human_line(line) != line
        yield f"is read as {human.name} {'…' if has_secret else shown_value(human.arguments)}"
        effects, arguments = human_effects_of(human.name), human.arguments
    if effects is None:
        yield "effects: unknown, as no table has this command; it is denied whatever the rules say"
        return
    named = ", ".join(sorted(each.value for each in effects.effects))
    yield f"effects: {named}" + (f"; discloses {effects.discloses}" if effects.discloses else "")
    found = [path_text(path) for path in sensitive_members(effects, arguments)]
    if found:
        yield f"sensitive here: {', '.join(found)}"


def _rule_lines(rights: Rights, command: CommandMessage, facts: SupposedFacts) -> Iterator[str]:
    """Give each rule that is looked at, and why it doesn't take the command."""
    looked = False
    for each in rights.considered(command, facts):
        looked = True
        takes = f"takes it: {each.rule.decision.value}" if each.failure is None else each.failure
        yield f"{_rule_text(each.rule)}: {takes}"
    if not looked:
        yield "no rule for this client is about it"
    for index, action in enumerate(_actions(command)):
        yield f"actions[{index}]: {action.name}"
        for line in _rule_lines(rights, action, facts):
            yield f"  {line}"


def _actions(command: CommandMessage) -> Sequence[CommandMessage]:
    """Return the actions of a transaction, as commands."""
    actions = (command.arguments or {}).get("actions")
    if command.name != TRANSACTION or not isinstance(actions, list):
        return ()
    found = []
    for each in actions:
        if isinstance(each, dict) and isinstance(name := each.get("type"), str):
            data = each.get("data")
            found.append(CommandMessage(name, data if isinstance(data, dict) else None))
    return found


def _rule_text(rule: Rule) -> str:
    return f"rule {rule.name} ({rule.place})"


def client_lines(policy: Policy, client: PolicyClient) -> Iterator[str]:
    """Give what a client may do."""
    rights = policy.rights(client)
    rules = [rule for rule in policy.rules if rule.is_about(client)]
    always, sometimes = list[str](), list[str]()
    named = {name for rule in rules if rule.subject is Subject.COMMAND for name in rule.names}
    for name in sorted(named - {HUMAN_MONITOR_COMMAND}):
        if not rights.is_hidden(name):
            first = next(rule for rule in rules if name in rule.names)
            effects = policy.effects_of(name) or effects_of(name)
            is_free = first.is_unconditional and first.decision is Decision.ALLOW
            is_free = is_free and name != TRANSACTION  # its actions are judged one by one
            is_plain = effects is not None and (first.is_unchecked or not effects.sensitive)
            (always if is_free and is_plain else sometimes).append(name)
    yield f"allowed: {', '.join(always) or 'nothing'}"
    yield f"allowed on conditions, or denied: {', '.join(sometimes) or 'nothing'}"
    events = {name for rule in rules if rule.subject is Subject.EVENT for name in rule.names}
    allowed = sorted(events & rights.events)
    yield f"events: {', '.join(allowed) or 'none'}"
    human = {name for rule in rules if rule.subject is Subject.HUMAN for name in rule.names}
    yield f"human monitor, by rules: {', '.join(sorted(human)) or 'nothing'}"
    yield "everything else is hidden"


def case_text(command: CommandMessage) -> str:
    """Return a command as one line of a report, without secrets."""
    arguments: JsonObject | None = redact_arguments(command.name, command.arguments)
    return command.name if not arguments else f"{command.name} {shown_value(arguments)}"
