"""The guard: judges clients' requests by the policy, before the hub takes them.

Most are judged at once. One that needs to ask the server first waits for the answer, and its
client's later in-band requests wait behind it; those of others don't.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Final, Protocol

from qmpeer.policy import Decision, Facts, Policy, Rights, Verdict
from qmpeer.proxy.request import Request, Requester
from qmpeer.values import JsonObject

_log: Final = logging.getLogger("qmpeer.proxy")


class Desk(Protocol):
    """Where judged requests go on to."""

    def admit(self, request: Request) -> None:
        """Execute a request that is allowed."""

    def refuse(self, request: Request, verdict: Verdict, error: JsonObject) -> None:
        """Answer a request that isn't allowed."""

    def would_refuse(self, request: Request, verdict: Verdict) -> None:
        """Note that a request isn't allowed, but goes on, in a dry run."""


class FactFinder(Protocol):
    """What knows the facts about the host and the server."""

    def facts_for(self, requester: Requester) -> Facts:
        """Return the facts for one client's commands."""

    async def refresh(self) -> None:
        """Ask the server for what it may have changed."""


class Guard:
    """The guard of one proxy.

    Args:
        desk: Gets the requests that are judged.
        finder: Knows the facts.

    Attributes:
        policy: The policy; None to allow everything.
    """

    __slots__ = ("_desk", "_finder", "_tasks", "_waiting", "policy")

    def __init__(self, desk: Desk, finder: FactFinder) -> None:
        self.policy: Policy | None = None
        self._desk = desk
        self._finder = finder
        self._waiting: dict[Requester, deque[Request]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, request: Request, rights: Rights) -> None:
        """Judge a request, now or once the facts are known."""
        command = request.command
        queue = None if command.is_oob else self._waiting.get(request.requester)
        if queue is not None:
            queue.append(request)
        elif (certain := rights.certain(command.name)) is not None:
            self._decide(request, certain)
        elif not rights.needs_nodes(command.name):
            self._judge(request, rights)
        elif command.is_oob:
            self._start(self._judge_late(request))
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
                if rights is None or not rights.needs_nodes(request.command.name):
                    self._go_on(queue.popleft())
                else:
                    await self._judge_late(request)
                    queue.popleft()
        finally:
            del self._waiting[requester]

    async def _judge_late(self, request: Request) -> None:
        try:
            await self._finder.refresh()
        except Exception:
            _log.exception("the facts for %s aren't known", request.command.name)
        self._go_on(request)

    def _go_on(self, request: Request) -> None:
        if request.is_answered:
            return
        rights = request.requester.rights
        if rights is None:  # the policy has gone meanwhile
            self._desk.admit(request)
        else:
            self._judge(request, rights)

    def _judge(self, request: Request, rights: Rights) -> None:
        try:
            facts = self._finder.facts_for(request.requester)
            verdict = rights.judge(request.command, facts)
        except Exception:  # such as arguments that are nested too deep for a rule
            _log.exception("%s can't be judged", request.command.name)
            verdict = Verdict(Decision.DENY, reason="it can't be judged")
        self._decide(request, verdict)

    def _decide(self, request: Request, verdict: Verdict) -> None:
        if verdict.is_allowed:
            request.rule = verdict.rule_name
            request.blank = verdict.blank
            if verdict.arguments is not None:
                request.arguments = verdict.arguments
            self._desk.admit(request)
        elif self.policy is not None and self.policy.is_dry_run:
            self._desk.would_refuse(request, verdict)
            self._desk.admit(request)
        else:
            self._desk.refuse(request, verdict, verdict.error(request.command.name))
