"""The recorder: writes the audit log of a proxy.

Each request gets two records, one before it is sent and one when its outcome is known. Clients that
come and go, commands that are denied, policies and the server's coming and going get one each.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from qmpeer.errors import AuditError, CommandError, CommandInterrupted
from qmpeer.proxy.logbook import Departure
from qmpeer.proxy.request import Request
from qmpeer.proxy.session import ProxySession
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.audit import AuditLog
    from qmpeer.policy import Policy, Verdict


class Recorder:
    """The recorder of one proxy; it watches its logbook.

    Args:
        log: The log that it writes.
    """

    __slots__ = ("_log",)

    def __init__(self, log: "AuditLog") -> None:
        self._log = log

    # Requests

    @property
    def is_slow(self) -> bool:
        """True if a record is safe a moment after it is written."""
        return self._log.is_slow

    def begin_slowly(self, request: Request, go_on: Callable[[Request, str | None], None]) -> None:
        """Record a request that is about to be executed.

        Args:
            request: The request.
            go_on: Called once the record is safe, or with the reason for which it can't be.
        """
        failure = self.begin(request)
        number = request.record
        if failure is not None or number is None:
            go_on(request, failure)
            return
        self._log.when_safe(
            number,
            lambda: go_on(request, None),
            lambda error: go_on(request, error.reason),
        )

    def begin(self, request: Request) -> str | None:
        """Record a request that is about to be executed.

        Returns:
            None, or the reason for which it can't be recorded and mustn't be executed.
        """
        command = request.command
        if request.arguments is not command.arguments:  # by the policy
            command = msgspec.structs.replace(command, arguments=request.arguments)
        client, fds = request.requester.number, len(request.fds)
        try:
            request.record = self._log.begin(client, command, rule=request.rule, fds=fds)
        except AuditError as error:
            return error.reason
        return None

    def end(self, request: Request, error: CommandError | CommandInterrupted | None) -> None:
        """Record the outcome of a request."""
        number, request.record = request.record, None
        if number is None:
            return
        seconds = asyncio.get_running_loop().time() - request.began
        if error is None:
            self._log.end(number, "return", seconds)
        elif isinstance(error, CommandError):
            self._log.end(number, "error", seconds, error.error_class, error.desc)
        else:
            self._log.end(number, "interrupted", seconds, desc=error.reason)

    def end_unsent(self, request: Request, reason: str) -> None:
        """Record that a request wasn't executed after all."""
        number, request.record = request.record, None
        if number is not None:
            seconds = asyncio.get_running_loop().time() - request.began
            self._log.end(number, "not-sent", seconds, desc=reason)

    # Watcher

    def client_connected(self, session: ProxySession) -> None:
        """Record who has connected."""
        identity = session.identity
        facts: JsonObject = {
            "client": session.number,
            "listener": session.rules.name,
            "uid": identity.uid,
            "gid": identity.gid,
            "certificate": identity.certificate,
            "address": identity.address,
            "pid": identity.pid,
            "process": session.process,
        }
        known = {name: value for name, value in facts.items() if value is not None}
        self._log.note("connected", **known)

    def client_gone(self, session: ProxySession, reason: Departure, seconds: float) -> None:
        """Record that a client is gone."""
        self._log.note(
            "left", client=session.number, reason=reason.value, seconds=round(seconds, 6)
        )

    def command_denied(self, request: Request, verdict: "Verdict", is_dry_run: bool) -> None:
        """Record a command that isn't allowed."""
        self._log.note(
            "would-deny" if is_dry_run else "denied",
            client=request.requester.number,
            command=request.command,
            rule=verdict.rule_name,
            reason=verdict.reason,
            hidden=verdict.is_hidden,
        )

    def policy_changed(self, policy: "Policy | None") -> None:
        """Record the policy that holds from now on."""
        if policy is None:
            self._log.note("policy", rules=None)
        else:
            self._log.note(
                "policy",
                rules=len(policy.rules),
                file=policy.source,
                digest=policy.digest,
                dry_run=policy.is_dry_run,
            )

    def server_ready(self, connections: int) -> None:
        """Record that the server is there."""
        self._log.note("server-ready", connections=connections)

    def server_lost(self, reason: str) -> None:
        """Record that the server has gone."""
        self._log.note("server-lost", reason=reason)
