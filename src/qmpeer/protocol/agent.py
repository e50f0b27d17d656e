"""The client's side of a connection to a guest agent, without I/O.

An agent doesn't greet. It may be restarted behind a connection that stays, or be slow:
*synchronizing* makes an end of what was before, and is answered by its own value and nothing else.
Some of an agent's commands are not answered when they succeed; a ping is sent behind one, whose
answer tells so.

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

        Replies to commands that were given up are no longer waited for: the agent that owed them
        may be gone, and the one that answers be another, which may not echo ids. All that comes
        without an id before the value does is passed over, but for CommandNotFound.

        Args:
            name: "guest-sync-delimited", or "guest-sync" for agents that don't have that.
            value: A number that no other reply is likely to be.
            token: Comes back with the outcome.

        Raises:
            LocalProtocolError: After the end.
        """
        self.is_changing = True
        for each in list(self._pending.values()):
            waited_for = each if each.tells_of is None else each.tells_of
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
        """Ask for a command whose success isn't answered; its outcome is {} all the same.

        Args:
            name: A guest agent's, such as "guest-shutdown".
            arguments: Its arguments.
            token: Comes back with the outcome.

        Raises:
            LocalProtocolError: After the end.
            TypeError: If JSON can't hold the arguments. Nothing was sent.
        """
        sent = self.execute(name, arguments, token)
        self.is_changing = True
        sent.is_silent = True
        self._ask("guest-ping", None, None, False, ()).tells_of = sent
        self.is_changing = False
        return sent

    def _is_harmless(self, error: QMPError) -> bool:
        """Return whether what isn't QMP may be half a reply of an agent that was restarted.

        Up to the byte FF, what comes behind half a reply may be read as anything.
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
        """Take in that a command has succeeded whose success isn't answered."""
        silent = sent.tells_of
        if silent is not None and self._pending.get(silent.id) is silent:
            token = silent.token
            self.withdraw(silent)
            if token is not None:
                happened.append(Completion(token, {}))
