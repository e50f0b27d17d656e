"""A verdict: what a policy decides about one command."""

import msgspec

from qmpeer.messages import qemu_texts
from qmpeer.policy.rules import Decision, MemberPath, Rule
from qmpeer.values import JsonObject, JsonValue


class Verdict(msgspec.Struct, frozen=True):
    """A decision about one command.

    Attributes:
        decision: The decision.
        rule: The rule that decided; None if no rule takes the command.
        reason: Why, if it isn't allowed: what was found and what was expected.
        arguments: The arguments to send, with those forced in that the rule forces.
        blank: The members of the reply to blank.
    """

    decision: Decision
    rule: Rule | None = None
    reason: str = ""
    arguments: dict[str, JsonValue] | None = None
    blank: tuple[MemberPath, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """True if the command may be sent."""
        return self.decision is Decision.ALLOW

    @property
    def is_hidden(self) -> bool:
        """True if the client is told that there is no such command."""
        return self.decision is Decision.HIDE

    @property
    def rule_name(self) -> str | None:
        """The name of the rule that decided."""
        return None if self.rule is None else self.rule.name

    def error(self, command: str) -> JsonObject:
        """Return the error for the client, as it stands on the wire."""
        if self.decision is Decision.HIDE:
            text = qemu_texts.unknown_command(command)
            return {"class": "CommandNotFound", "desc": text}
        by = "no rule allows it" if self.rule is None else f"rule {self.rule.name}"
        because = f": {self.reason}" if self.reason else ""
        return {"class": "GenericError", "desc": f"The policy denies {command}: {by}{because}"}


HIDDEN = Verdict(Decision.HIDE)
"""The verdict about a command that no rule could allow."""
