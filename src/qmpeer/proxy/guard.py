"""The guard: judges clients' requests by the policy, before the hub takes them.

Most are judged at once. One that needs to ask the server first waits for the answer, and its
client's later in-band requests wait behind it; those of others don't.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Final, Protocol

from qmpeer.policy import Decision, Verdict
from qmpeer.proxy.facts import ServerFacts
from qmpeer.proxy.late_judgement import LateJudge
from qmpeer.proxy.request import Request, Requester
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.policy import Policy, Rights

_log: Final = logging.getLogger("qmpeer.proxy")
_OUTDATED: Final = "the policy changed while it waited; send it again"


class Desk(Protocol):
    """The receiver of judged requests."""

    def admit(self, request: Request) -> None:
        """Execute a request that is allowed."""

    def refuse(self, request: Request, verdict: Verdict, error: JsonObject) -> None:
        """Answer a request that isn't allowed."""

    def would_refuse(self, request: Request, verdict: Verdict) -> None:
        """Note that a request isn't allowed, but goes on, in a dry run."""


class Guard:
    """The guard of one proxy.

    Args:
        desk: Gets the requests that are judged.
        facts: The facts about the server.
        late: Judges requests that need more.

    Attributes:
        policy: The policy; None to allow everything.
    """

    __slots__ = ("_desk", "_facts", "_late", "_tasks", "_waiting", "policy")

    def __init__(self, desk: Desk, facts: ServerFacts, late: LateJudge) -> None:
        self.policy: Policy | None = None
        self._desk = desk
        self._facts = facts
        self._late = late
        self._waiting: dict[Requester, deque[Request]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _is_dry_run(self) -> bool:
        return self.policy is not None and self.policy.is_dry_run

    def check(self, request: Request, rights: "Rights") -> None:
        """Judge a request, now or once the facts are known."""
        command = request.command
        queue = None if command.is_oob else self._waiting.get(request.requester)
        if queue is not None:
            queue.append(request)
        elif (certain := rights.certain(command.name)) is not None:
            self._decide(request, certain)
        elif not rights.needs_nodes(command.name):
            self._judge(request, rights)
        elif command.is_oob:  # QEMU has no such command, and any number could wait for facts
            self._decide(request, Verdict(Decision.DENY, reason="it can't be judged out of band"))
        else:
            self._waiting[request.requester] = deque((request,))
            self._start(self._judge_in_turn(request.requester))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge_in_turn(self, requester: Requester) -> None:
        queue = self._waiting[requester]
        try:
            while queue:
                request = queue[0]
                rights = request.requester.rights
                if request.is_answered:
                    pass
                elif rights is not None and not rights.needs_nodes(request.command.name):
                    self._judge(request, rights)
                else:
                    await self._judge_late(request)
                queue.popleft()
        finally:
            del self._waiting[requester]

    async def _judge_late(self, request: Request) -> None:
        rights = request.requester.rights
        if rights is None:  # the policy has gone meanwhile
            self._desk.admit(request)
            return
        try:
            verdict = await self._late.judge(request, rights, is_trial=self._is_dry_run)
        except Exception:
            verdict = _unjudged(request)
        if request.is_answered:
            return
        if request.requester.rights is rights:
            self._decide(request, verdict)
        else:  # another policy holds by now
            await self._judge_late(request)

    def _judge(self, request: Request, rights: "Rights") -> None:
        self._decide(request, self._verdict(request, rights))

    def _verdict(self, request: Request, rights: "Rights") -> Verdict:
        try:
            return rights.judge(request.command, self._facts.facts_for(request.requester))
        except Exception:
            return _unjudged(request)

    def objection(self, request: Request) -> Verdict | None:
        """Judge an outdated request whose turn has come; return the verdict if it mayn't be sent.

        What the policy would send otherwise, or would have to ask the server about, isn't sent: it
        is on record as it was.
        """
        rights = request.judged_by = request.requester.rights
        if rights is None or self._is_dry_run:
            return None
        if rights.needs_nodes(request.command.name):
            return Verdict(Decision.DENY, reason=_OUTDATED)
        verdict = self._verdict(request, rights)
        if not verdict.is_allowed:
            return verdict
        arguments = request.command.arguments if verdict.arguments is None else verdict.arguments
        if arguments != request.arguments:
            return Verdict(Decision.DENY, verdict.rule, _OUTDATED)
        request.blank = verdict.blank
        return None

    def _decide(self, request: Request, verdict: Verdict) -> None:
        request.judged_by = request.requester.rights
        if verdict.is_allowed:
            request.rule = verdict.rule_name
            if not self._is_dry_run:
                request.blank = verdict.blank
                if verdict.arguments is not None:
                    request.arguments = verdict.arguments
            self._desk.admit(request)
        elif self._is_dry_run:
            self._desk.would_refuse(request, verdict)
            self._desk.admit(request)
        else:
            self._desk.refuse(request, verdict, verdict.error(request.command.name))


def _unjudged(request: Request) -> Verdict:
    """Return the verdict after a failure, such as arguments that are nested too deep for a rule."""
    _log.exception("%s can't be judged", request.command.name)
    return Verdict(Decision.DENY, reason="it can't be judged")
