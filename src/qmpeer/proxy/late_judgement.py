"""Judgements that need to ask the server first, and that may open files in its place."""

from typing import TYPE_CHECKING

import msgspec

from qmpeer.policy import Decision, Verdict
from qmpeer.proxy.facts import ServerFacts
from qmpeer.proxy.opener import FileOpener, OpeningError
from qmpeer.proxy.request import Request

if TYPE_CHECKING:
    from qmpeer.policy import Rights


class LateJudge:
    """The judge of requests about which something isn't known yet.

    Args:
        facts: The facts about the server.
        opener: Opens files.
    """

    __slots__ = ("_facts", "_opener")

    def __init__(self, facts: ServerFacts, opener: FileOpener) -> None:
        self._facts = facts
        self._opener = opener

    async def judge(self, request: Request, rights: "Rights", *, is_trial: bool) -> Verdict:
        """Judge a request by fresh facts, and open the files that its rule lets the proxy open.

        Args:
            request: The request.
            rights: The rights of its client.
            is_trial: True to open nothing: the verdict is only told.
        """
        await self._facts.refresh()
        with self._facts.held_for(request.requester) as facts:
            command = request.command
            verdict = rights.judge(command, facts)
            request.nodes_as_of = self._facts.nodes.as_of if facts.has_asked_nodes else None
            rule = verdict.rule
            if rule is None or not (verdict.is_allowed and rule.opened) or is_trial:
                return verdict
            arguments = verdict.arguments or command.arguments or {}
            try:
                opened = await self._opener.open(request, rule, arguments, facts.files)
            except OpeningError as error:
                return Verdict(Decision.DENY, rule, str(error))
            return msgspec.structs.replace(verdict, arguments=opened)
