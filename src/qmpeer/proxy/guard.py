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

    async def open_files(self, request: Request, verdict: Verdict) -> Verdict:
        """Open the files of a request that is allowed; return the verdict with new arguments."""


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
            self._decide(request, self._verdict(request, rights))
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
                if rights is not None and rights.needs_nodes(request.command.name):
                    await self._judge_late(request)
                elif rights is not None and not request.is_answered:
                    self._decide(request, self._verdict(request, rights))
                elif not request.is_answered:  # the policy has gone meanwhile
                    self._desk.admit(request)
                queue.popleft()
        finally:
            del self._waiting[requester]

    async def _judge_late(self, request: Request) -> None:
        try:
            await self._finder.refresh()
        except Exception:
            _log.exception("the facts for %s aren't known", request.command.name)
        rights = request.requester.rights
        if request.is_answered:
            return
        if rights is None:  # the policy has gone meanwhile
            self._desk.admit(request)
            return
        verdict = self._verdict(request, rights)
        if verdict.is_allowed and verdict.rule is not None and verdict.rule.opens:
            verdict = await self._opened(request, verdict)
            if request.is_answered:
                return
        self._decide(request, verdict)

    async def _opened(self, request: Request, verdict: Verdict) -> Verdict:
        try:
            return await self._finder.open_files(request, verdict)
        except Exception:
            _log.exception("the files of %s can't be opened", request.command.name)
            return Verdict(Decision.DENY, verdict.rule, "its files can't be opened")

    def _verdict(self, request: Request, rights: Rights) -> Verdict:
        try:
            facts = self._finder.facts_for(request.requester)
            return rights.judge(request.command, facts)
        except Exception:  # such as arguments that are nested too deep for a rule
            _log.exception("%s can't be judged", request.command.name)
            return Verdict(Decision.DENY, reason="it can't be judged")

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
