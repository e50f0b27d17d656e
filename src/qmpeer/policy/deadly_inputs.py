"""The condition ``kills = true``: the input is known to kill a release of QEMU."""

from collections.abc import Sequence

from qmpeer.effects import known_crash
from qmpeer.messages import CommandMessage
from qmpeer.policy.rules import Facts, MemberPath, PolicyClient
from qmpeer.values import JsonObject


class DeadlyInput:
    """A predicate that holds for what would kill some release, whichever the server is."""

    mentions: Sequence[MemberPath] = ()
    needs_nodes = False

    def failure(
        self, command: str, arguments: JsonObject, client: PolicyClient, facts: Facts
    ) -> str | None:
        """Return why it doesn't hold; None if it holds."""
        reason = known_crash(None, CommandMessage(command, arguments))
        return None if reason is not None else "found an input that isn't known to kill QEMU"
