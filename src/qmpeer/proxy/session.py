"""The proxy's side of one client: its open requests, and their answers in its order."""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from qmpeer.messages import CommandMessage
from qmpeer.monitor import RawClient, Reply
from qmpeer.policy import PolicyClient
from qmpeer.proxy.event_history import EventBatch
from qmpeer.proxy.event_terms import EventTerms
from qmpeer.proxy.extensions import Extensions
from qmpeer.proxy.multiplexer import Lane
from qmpeer.proxy.request import Executor, Request
from qmpeer.proxy.rules import ListenerRules
from qmpeer.transport import PeerIdentity
from qmpeer.transport.peer_identity import process_name
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.policy import Policy, Rights


class Host(Executor, Protocol):
    """The executor of a client's commands, which also knows the clients."""

    def leave(self, session: "ProxySession") -> None:
        """Forget a client that has gone."""


class ProxySession:
    """The session of a client, which `qmpeer.monitor` calls.

    Args:
        host: Executes its commands.
        rules: The rules of the listener that it came in by.
        client: The client.
        number: Its number, counted from 1.
        extensions: The proxy's own commands, which it can use if the rules allow.
        now: The loop's time.
        policy: Says what it may do; None for everything.

    Attributes:
        has_left: True once the client has gone.
        lane: Its commands that wait for the server.
        is_greeted: True once it was greeted.
        is_ready: True once it has negotiated, or a moment later.
        rights: What it may do by the policy; None for everything.
        terms: The terms on which it gets events.
        is_disconnected: True if `disconnect` was called.
        identity: Who it is.
        process: The name of its process when it connected, which the process chooses itself.
        opened_at: The loop's time at which it connected.
        commands: The commands that it has sent.
        refused: Those of them that were answered with an error.
        events: The events that were sent to it.
    """

    __slots__ = (
        "_extensions",
        "_first_event",
        "_held",
        "_history",
        "_host",
        "_in_band",
        "_out_of_band",
        "_own",
        "_refusal",
        "client",
        "commands",
        "events",
        "has_left",
        "identity",
        "is_disconnected",
        "is_greeted",
        "is_ready",
        "lane",
        "number",
        "opened_at",
        "process",
        "refused",
        "rights",
        "rules",
        "terms",
    )

    def __init__(
        self,
        host: Host,
        rules: ListenerRules,
        client: RawClient,
        number: int,
        extensions: Extensions,
        now: float,
        policy: "Policy | None" = None,
    ) -> None:
        self._host = host
        self._own = extensions
        self._extensions = extensions if rules.has_extensions else None
        self._history = extensions.history
        self._first_event = 0  # the last one before it could get any
        self._in_band: deque[Request] = deque()
        self._out_of_band: set[Request] = set()
        self._refusal: str | None = None  # for the requests that wait, if their server has gone
        self.client: RawClient = client
        self.has_left: bool = False
        self.is_greeted: bool = False
        self.is_ready: bool = False
        self.lane: Lane[Request] = Lane()
        self.number: int = number
        self.rules: ListenerRules = rules
        self.is_disconnected: bool = False
        self.identity: PeerIdentity = client.identity
        self.rights: Rights | None = None
        self._held: Rights | None = None  # these, unless it is a dry run
        self.terms: EventTerms = extensions.terms_of(self)
        if policy is not None:
            self.set_policy(policy)
        pid = self.identity.pid
        self.process: str | None = None if pid is None else process_name(pid)
        self.opened_at: float = now
        self.commands: int = 0
        self.refused: int = 0
        self.events: int = 0

    def set_policy(self, policy: "Policy | None") -> None:
        """Take the rights of a policy, in place of earlier ones."""
        self.rights = None if policy is None else policy.rights(self.policy_client)
        is_held = policy is not None and not policy.is_dry_run
        self._held = self.rights if is_held else None
        self.terms = self._own.terms_of(self, self.terms.chosen, self.terms.has_numbers)

    @property
    def policy_client(self) -> PolicyClient:
        """The client as the rules of a policy see it."""
        identity = self.identity
        return PolicyClient(
            listener=self.rules.name,
            uid=identity.uid,
            gid=identity.gid,
            certificate=identity.certificate,
        )

    @property
    def permitted_events(self) -> frozenset[str] | None:
        """The events that the policy permits it; None for all."""
        return None if self._held is None else self._held.events

    @property
    def requests(self) -> list[Request]:
        """The requests that aren't answered, in-band ones first."""
        return [each for each in (*self._in_band, *self._out_of_band) if not each.is_answered]

    def greet(self, greeting: JsonObject) -> None:
        """Greet the client, once."""
        if not self.is_greeted:
            self.is_greeted = True
            self.client.greet(greeting, self._begin)

    def _begin(self) -> None:
        if not self.is_ready:
            self.is_ready = True
            self._first_event = self._history.last

    @property
    def withheld(self) -> int:
        """The events that it didn't get, by its own terms or those of its listener."""
        return self._history.last - self._first_event - self.events if self.is_ready else 0

    def finish(self) -> None:
        """Disconnect the client once all its requests that came are answered."""
        if self.is_greeted:
            self.client.finish()
        else:
            self.client.close()

    def refuse_waiting(self, reason: str) -> None:
        """Let those requests fail that have come, but that wait for room in the window.

        They were meant for a server that has gone.
        """
        if self.is_greeted and self.client.state.waiting:
            self._refusal = reason

    def open(self, request: Request) -> None:
        """Add a request, which will be answered."""
        if request.command.is_oob:
            self._out_of_band.add(request)
        else:
            self._in_band.append(request)

    def answer(
        self, request: Request, value: JsonValue = None, error: JsonObject | None = None
    ) -> None:
        """Answer a request; an in-band one not before the earlier ones."""
        request.is_answered = True
        reply_fds = request.take_reply_fds() if request.reply_fds else ()
        if error is not None:
            self.refused += 1
        else:
            if self._held is not None:
                value = self._held.view.shown(request.command.name, value)
            if self._extensions is not None:
                value = self._extensions.extended(request.command, value)
        reply = Reply(request.command, value, error, reply_fds)
        if request.command.is_oob:
            self._out_of_band.discard(request)
            self.client.deliver(reply)
            return
        in_band = self._in_band
        if in_band[0] is request and (len(in_band) == 1 or in_band[1].reply is None):
            in_band.popleft()  # the fast path
            self.client.deliver(reply)
            return
        request.reply = reply
        self._answer_first()

    def _answer_first(self) -> None:
        """Deliver the answers that no other has to precede."""
        in_band = self._in_band
        replies: list[Reply] = []
        while in_band and (first := in_band[0].reply) is not None:
            in_band.popleft()
            replies.append(first if isinstance(first, Reply) else first())
        if replies:
            self.client.deliver(*replies)

    def send_events(self, batch: EventBatch) -> None:
        """Send those events that the client gets; it drops them until it has negotiated."""
        events = batch.on_terms(self.terms)
        if events is not None and self.is_greeted:
            self.events += len(events) if self.is_ready else 0
            self.client.deliver(events)

    def disconnect(self) -> None:
        """Disconnect the client once what was answered is sent, or after a few seconds."""
        self.is_disconnected = True
        self.client.close()

    # RawSession

    def execute(self, command: CommandMessage) -> None:
        """Execute a command; see `qmpeer.monitor.RawSession`."""
        self.commands += 1
        if not self.is_ready:
            self._begin()  # it has negotiated, though the call is still to come
        extensions = self._extensions
        if extensions is None or not extensions.has(command.name):
            self._host.execute(self, command, self.client.take_fds(), self._refusal)
        elif command.is_oob:
            self.client.deliver(self._execute_own(extensions, command))
        else:  # it is executed when the earlier ones are answered
            request = Request(self, command, 0.0)
            request.is_answered = True
            request.reply = partial(self._execute_own, extensions, command)
            self.open(request)
            self._answer_first()
        if self._refusal is not None and not self.client.state.waiting:
            self._refusal = None

    def _execute_own(self, extensions: Extensions, command: CommandMessage) -> Reply:
        reply = extensions.execute(self, command)
        self.refused += reply.error is not None
        return reply

    def close(self) -> None:
        """Forget the client: what waits is dropped, and so are the answers to what was sent."""
        self.has_left = True
        self._host.leave(self)
        for request in (*self._in_band, *self._out_of_band):
            request.drop()
        self._in_band.clear()
        self._out_of_band.clear()
