"""The client's side of a connection to a guest agent, without I/O.

An agent doesn't greet. It may be slow, or be restarted while the connection stays open. So a client
*synchronizes*: it sends a value, and discards all replies before the one that returns that value.
Some agent commands aren't answered when they succeed. A ping is sent behind such a command; the
answer to the ping shows that it has succeeded.

Spec: QEMU, qga/qapi-schema.json, guest-sync-delimited and 'success-response'.
"""

from typing import TypeVar

from qmpeer.errors import MessageError, QMPError, WireError
from qmpeer.messages import Incoming
from qmpeer.protocol.agent_marker import MARKER
from qmpeer.protocol.client import ClientSession
from qmpeer.protocol.outcomes import Completion, Happened, Sent
from qmpeer.values import UNSET, JsonObject

Token = TypeVar("Token")


class AgentSession(ClientSession[Token]):
    """A session with a guest agent, or with another server that doesn't negotiate.

    Make it with ``negotiate=False``.
    """

    __slots__ = ()

    is_changing: bool

    def synchronize(self, name: str, value: int, token: Token) -> Sent[Token]:
        """Synchronize with a guest agent; then send what data_to_send() returns.

        Replies to commands that were given up are no longer expected: the agent may have been
        replaced by one that doesn't echo ids. Before the value comes, all replies without an id
        are discarded, except CommandNotFound.

        Args:
            name: "guest-sync-delimited", or "guest-sync" for agents that don't have that.
            value: A number that no other reply is likely to hold.
            token: Returned with the outcome.

        Raises:
            LocalProtocolError: After the end.
        """
        self.is_changing = True
        for each in list(self._pending.values()):
            waited_for = each if each.confirms is None else each.confirms
            if waited_for.token is None:
                self.withdraw(each)
        self.is_changing = False
        sent = self.execute(name, {"id": value}, token)
        self.is_changing = True
        sent.expected = value
        self._echoes_ids = None
        if not sent.is_waiting:
            _, data = self._outgoing[-1]
            self._outgoing[-1] = sent, MARKER + data
        self.is_changing = False
        return sent

    def execute_silently(
        self, name: str, arguments: JsonObject | None, token: Token
    ) -> Sent[Token]:
        """Send a command that isn't answered when it succeeds; its outcome is {} then.

        Args:
            name: A guest agent's, such as "guest-shutdown".
            arguments: Its arguments.
            token: Returned with the outcome.

        Raises:
            LocalProtocolError: After the end.
            TypeError: If JSON can't hold the arguments. Nothing was sent.
        """
        sent = self.execute(name, arguments, token)
        self.is_changing = True
        sent.is_silent = True
        self._ask("guest-ping", None, None, False, ()).confirms = sent
        self.is_changing = False
        return sent

    def _is_harmless(self, error: QMPError) -> bool:
        """Return whether an error may come from half a reply of an agent that was restarted.

        Everything between half a reply and the byte FF may be misread.
        """
        if super()._is_harmless(error):
            return True
        return isinstance(error, (WireError, MessageError)) and any(
            sent.expected is not UNSET for sent in self._pending.values()
        )

    def _may_answer(self, message: Incoming, sent: Sent[Token]) -> bool:
        if not super()._may_answer(message, sent):
            return False
        if message.error is not UNSET:
            return sent.expected is UNSET or message.error.error_class == "CommandNotFound"
        return not sent.is_silent and sent.expected in (UNSET, message.return_value)

    def _take_in_own(self, sent: Sent[Token], happened: list[Happened[Token]]) -> None:
        """Complete a silent command once the ping behind it is answered."""
        silent = sent.confirms
        if silent is not None and self._pending.get(silent.id) is silent:
            token = silent.token
            self.withdraw(silent)
            if token is not None:
                happened.append(Completion(token, {}))
