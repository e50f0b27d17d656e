"""The trial of one case: connections in the state that the case needs, and comparisons."""

import json
from collections.abc import Sequence
from typing import Any

from qmpeer import limits
from qmpeer.conformance.servers.answers import Answer, answer_of, listed
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.facts import Facts
from qmpeer.conformance.servers.target import Target
from qmpeer.conformance.servers.verdicts import Mismatch, NotTried
from qmpeer.values import JsonObject, JsonValue

PLACEHOLDER = b"PING"
"""In the bytes of a case: the command without effect."""


class Trial:
    """The trial of one case.

    Args:
        target: The server.
        facts: What is known about it.
        rule: The rule that the case is about.
        timeout: The seconds until a reply counts as missing.

    Attributes:
        facts: What is known about the server.
        timeout: The seconds until a reply counts as missing.
    """

    def __init__(self, target: Target, facts: Facts, rule: str, timeout: float) -> None:
        self.facts: Facts = facts
        self.timeout: float = timeout
        self._target = target
        self._minds_ids = facts.minds_ids or rule == "R28"
        self._connections: list[Connection] = []

    @property
    def sent(self) -> bytes:
        """What was sent, on all connections."""
        return b"".join(each.sent.data for each in self._connections)

    @property
    def received(self) -> bytes:
        """What came, on all connections."""
        return b"".join(each.received.data for each in self._connections)

    def forget(self) -> None:
        """Close all connections, and forget what passed on them."""
        self.close()
        self._connections.clear()

    def close(self) -> None:
        """Close all connections."""
        for each in self._connections:
            each.close()

    # Connections

    def connect(self, *, is_second: bool = False) -> Connection:
        """Return a new connection, from which nothing was read.

        Args:
            is_second: True to leave earlier ones open; QEMU serves one at a time.
        """
        if not is_second:
            self.close()
        connection = open_connection(self._target, self.facts, self.timeout)
        self._connections.append(connection)
        return connection

    def greeted(self) -> Connection:
        """Return a new connection whose greeting was read.

        Raises:
            Mismatch: If there is no greeting although the server greets.
        """
        connection = self.connect()
        if self.facts.greets and answer_of(connection.receive()).kind != "greeting":
            raise Mismatch("a greeting", connection.ending())
        connection.forget()
        return connection

    def ready(self, *capabilities: str) -> Connection:
        """Return a new connection that is ready for commands.

        Args:
            capabilities: The capabilities to enable.

        Raises:
            NotTried: If the server doesn't offer them.
            Mismatch: If it doesn't negotiate.
        """
        if self.facts.suite == "agent":
            return self.connect()
        for name in capabilities:
            if name not in self.facts.capabilities:
                raise NotTried(f"the server doesn't offer the capability {name}")
            if not self.facts.negotiates:
                raise NotTried("the server doesn't negotiate")
        connection = self.greeted()
        if not self.facts.negotiates:
            return connection
        connection.send(negotiation(*capabilities))
        reply = connection.reply()
        if self._target.can_restart and answer_of(reply).kind == "greeting":
            # A program that was just started: QEMU greets a client twice that comes meanwhile. The
            # cases of the greeting count it.
            reply = connection.reply()
        if answer_of(reply).kind != "return":
            found = connection.ending() if reply is None else str(answer_of(reply))
            raise Mismatch("the return of qmp_capabilities", found)
        connection.forget()
        return connection

    def can_go_on(self) -> bool:
        """Return True if the server still serves, or is started anew by the next connection."""
        if why_gone(self._target, self.facts, self.timeout):
            self._target.restart()
            return self._target.can_restart
        return True

    # What the server has

    def needs(self, *names: str) -> None:
        """End the case if the server lacks a command that it needs.

        Raises:
            NotTried: If so.
        """
        for name in names:
            if name not in self.facts.commands:
                raise NotTried(f"the server doesn't list the command {name}")

    # Comparisons

    def exchange(self, connection: Connection, data: bytes, *expected: Answer) -> list[Any]:
        """Send bytes and compare the replies; return them.

        Args:
            connection: The connection.
            data: The bytes, with `PLACEHOLDER` for the command without effect.
            expected: The replies that have to come, and no other, in this order.

        Raises:
            Mismatch: If others come.
        """
        replies = connection.ask(self.filled(data), len(expected))
        self.compare(replies, *expected)
        return replies

    def filled(self, data: bytes) -> bytes:
        """Return bytes with the command without effect in the places of `PLACEHOLDER`."""
        return data.replace(PLACEHOLDER, self.facts.ping.encode())

    def compare(self, replies: Sequence[Any], *expected: Answer) -> None:
        """Compare replies with the ones that are expected.

        Raises:
            Mismatch: If they differ.
        """
        found = [answer_of(reply) for reply in replies]
        fit = len(found) == len(expected) and all(
            one.fits(other, minds_ids=self._minds_ids)
            for one, other in zip(expected, found, strict=True)
        )
        if not fit:
            raise Mismatch(listed(expected), listed(found))

    def value(self, connection: Connection, command: str, **arguments: JsonValue) -> Any:
        """Execute one command and return its value.

        Raises:
            Mismatch: If it isn't successful.
        """
        connection.send(line(command, arguments or None, id=command))
        reply = connection.reply()
        if self._target.can_restart and answer_of(reply).kind == "greeting":
            # A program that was just started: QEMU greets a client twice that comes meanwhile. The
            # cases of the greeting count it.
            reply = connection.reply()
        if answer_of(reply).kind != "return":
            found = connection.ending() if reply is None else str(answer_of(reply))
            raise Mismatch(f"the return of {command}", found)
        return reply["return"]

    def silent(self, connection: Connection, expected: str) -> None:
        """Check that nothing comes, where no further command can show it.

        Raises:
            Mismatch: If a reply comes.
        """
        reply = connection.reply(limits.CONFORMANCE_SILENCE)
        if reply is not None:
            raise Mismatch(expected, str(answer_of(reply)))


def open_connection(target: Target, facts: Facts, timeout: float) -> Connection:
    """Connect to a server.

    Raises:
        OSError: If that fails.
    """
    sock = target.connect(timeout)
    return Connection(sock, ping=facts.ping, echoes_ids=facts.echoes_ids, timeout=timeout)


def why_gone(target: Target, facts: Facts, timeout: float) -> str:
    """Return why a server doesn't serve the next client, "" if it does.

    An agent may hold half a command of the client before, so it gets a byte FF.
    """
    try:
        with open_connection(target, facts, timeout) as connection:
            if facts.suite == "agent":
                connection.send(b"\xff\n")
                connection.rest()
            elif facts.greets and connection.receive() is None:
                return f"it doesn't greet: {connection.ending()}"
            return ""
    except OSError as error:
        return error.strerror or str(error)
    except Mismatch as mismatch:
        return mismatch.found


def check(holds: bool, expected: str, found: object) -> None:
    """Check a claim about what came.

    Raises:
        Mismatch: If it doesn't hold.
    """
    if not holds:
        text = found if isinstance(found, str) else json.dumps(found)
        most = limits.REPLAY_SHOWN
        raise Mismatch(expected, text if len(text) <= most else f"{text[:most]}…")


def line(
    command: str, arguments: JsonObject | None = None, *, verb: str = "execute", **id: JsonValue
) -> bytes:
    """Return a command as one line, as clients send it; ``id=`` gives its id."""
    message: JsonObject = {verb: command}
    if arguments is not None:
        message["arguments"] = arguments
    return json.dumps({**message, **id}).encode() + b"\r\n"


def negotiation(*capabilities: str) -> bytes:
    """Return qmp_capabilities as one line."""
    return line("qmp_capabilities", {"enable": list(capabilities)} if capabilities else None)
