"""The end of a client's connection: who caused it, why, and which commands it cut off.

The server has left if it closed the connection or the kernel reports it gone. In every other case
we end the connection: the server broke the rules, a wait or a write failed, or the client was
closed. The reason is the last words of a program that we launched, else the session's description
of the error, else the error itself.
"""

from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.protocol.outcomes import Completion

if TYPE_CHECKING:
    from qmpeer.protocol.client import ClientSession

Token = TypeVar("Token")

CLOSED_BY_US: Final = "the client was closed"


class CutOff(msgspec.Struct, Generic[Token], frozen=True):
    """The commands that the end of a connection cut off.

    Attributes:
        outcomes: Their outcomes.
        interrupted: The names of the commands whose outcome is unknown.
    """

    outcomes: list[Completion[Token]]
    interrupted: tuple[str, ...]


def server_has_left(error: BaseException | None) -> bool:
    """Return whether the server ended a connection.

    Args:
        error: What the connection ended with; None at the end of the server's bytes.
    """
    return error is None or isinstance(error, (ConnectionResetError, BrokenPipeError))


def closing_error(
    session: "ClientSession[Token]", error: Exception | None, last_words: str | None
) -> ConnectionClosed:
    """Return the error that every later use of a connection raises.

    Args:
        session: The client's side of it.
        error: What it ended with; None at the end of the server's bytes.
        last_words: How a program that we launched has ended; None if it runs or isn't ours.
    """
    closed = ConnectionClosed(last_words or session.end_reason(error))
    closed.__cause__ = error
    return closed


def cut_off(session: "ClientSession[Token]", reason: str, error: Exception | None) -> CutOff[Token]:
    """End a session, and return the commands that this cuts off. It may be called twice.

    Args:
        session: The client's side of the connection.
        reason: Why it ended, as its closing error says.
        error: What it ended with; None at the end of the server's bytes.
    """
    if server_has_left(error):
        session.receive_eof()
    outcomes = session.end(reason)
    errors = [each.error for each in outcomes if isinstance(each.error, CommandInterrupted)]
    for each in errors:
        each.__cause__ = error
    return CutOff(outcomes, tuple(each.command for each in errors))
