"""What ends a connection: whose doing it was, why, and what becomes of the commands under way.

The server has left if it closed the connection, or the kernel says that it is gone. All else is an
end that we have made, be it that the server broke the rules, that a wait or a write failed, or that
the client was closed. The reason is, in this order: what a program that we launched said last,
where it has left; what the session says of the error; the error itself.
"""

from typing import Final, Generic, TypeVar

import msgspec

from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.protocol.client import ClientSession
from qmpeer.protocol.outcomes import Completion

Token = TypeVar("Token")

CLOSED_BY_US: Final = "the client was closed"


class CutOff(msgspec.Struct, Generic[Token], frozen=True):
    """The commands that a connection's end has cut off.

    Attributes:
        outcomes: Their outcomes.
        interrupted: The names of those whose outcome is unknown.
    """

    outcomes: list[Completion[Token]]
    interrupted: tuple[str, ...]


def server_has_left(error: BaseException | None) -> bool:
    """Return whether it was the server that ended a connection.

    Args:
        error: What the connection ended with; None at the end of the server's bytes.
    """
    return error is None or isinstance(error, (ConnectionResetError, BrokenPipeError))


def closing_error(
    session: ClientSession[Token], error: Exception | None, last_words: str | None
) -> ConnectionClosed:
    """Return what every later use of a connection raises.

    Args:
        session: The client's side of it.
        error: What it ended with; None at the end of the server's bytes.
        last_words: How the program at the other end ended, if it is ours and has left.
    """
    closed = ConnectionClosed(last_words or session.end_reason(error))
    closed.__cause__ = error
    return closed


def cut_off(session: ClientSession[Token], reason: str, error: Exception | None) -> CutOff[Token]:
    """End a session, and return what becomes of its commands; doing so twice is fine.

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
