"""A server without I/O: sessions, their dispatcher, and a table of commands.

It works as a monitor does, in the same order, but tests pass the bytes in and out.
"""

from collections.abc import Callable, Mapping

import msgspec

from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage, QemuVersion, Timestamp, Version, event_message
from qmpeer.protocol import Dispatcher, ServerSession
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line

__all__ = ["NO_COMMANDS", "VERSION", "Handler", "PretendedServer", "messages"]

Handler = Callable[[JsonObject], JsonValue]
NO_COMMANDS: Mapping[str, Handler] = {}
VERSION = Version(QemuVersion(7, 2, 0), "qmpeer")


def messages(data: bytes) -> list[JsonValue]:
    """Parse a server's output, in which each line must end with CR LF."""
    lines = data.split(b"\r\n")
    assert lines.pop() == b""
    return [msgspec.json.decode(line) for line in lines]


class PretendedServer:
    """A server for any number of sessions.

    Args:
        commands: The handlers by command; a handler raises CommandError to return an error.
        slow: The names of commands that run until `finish` answers them.
        oob: The names of commands that may be executed out of band.
        holds: True if slow commands hold up all in-band commands of all sessions.

    Attributes:
        running: The unanswered slow commands, in the order in which they were started.
        started: The ids of all commands, in the order in which they were started.
    """

    def __init__(
        self,
        commands: Mapping[str, Handler] = NO_COMMANDS,
        *,
        slow: tuple[str, ...] = (),
        oob: tuple[str, ...] = (),
        holds: bool = False,
    ) -> None:
        self.sessions: list[ServerSession] = []
        self.dispatcher = Dispatcher[ServerSession]()
        self.running: list[tuple[ServerSession, CommandMessage]] = []
        self.started: list[JsonValue] = []
        self._commands = commands
        self._slow = slow
        self._oob = oob
        self._holds = holds

    def connect(
        self, *, capabilities: tuple[str, ...] = ("oob",), is_pretty: bool = False
    ) -> ServerSession:
        """Add a client; its greeting is unread."""
        session = ServerSession(VERSION, capabilities=capabilities, is_pretty=is_pretty)
        self.sessions.append(session)
        return session

    def negotiated(self, *enable: str) -> ServerSession:
        """Add a client that has negotiated and read its greeting and reply."""
        session = self.connect()
        request: JsonObject = {"execute": "qmp_capabilities", "arguments": {"enable": [*enable]}}
        self.receive(session, msgspec.json.encode(request))
        assert messages(session.data_to_send())[1:] == [{"return": {}}]
        return session

    def receive(self, session: ServerSession, data: bytes) -> None:
        """Receive bytes of a client and execute the commands whose turn it is."""
        session.receive_data(data)
        self.pump()

    def exchange(self, session: ServerSession, data: bytes) -> list[JsonValue]:
        """Receive bytes of a client and return the messages sent to it."""
        self.receive(session, data)
        return messages(session.data_to_send())

    def pump(self) -> None:
        """Execute the commands whose turn it is."""
        for session in self.sessions:
            while (admitted := session.admit(self.dispatcher.is_free)) is not False:
                if admitted is True:
                    self.dispatcher.enlist(session, session)
                    self._dispatch()
                else:
                    self._run(session, admitted)
        self._dispatch()  # a session whose output was resumed may wait for its turn

    def finish(self, number: int = 0, value: JsonValue = None) -> None:
        """Answer a slow command, the oldest one by default."""
        session, command = self.running.pop(number)
        session.respond(command, {} if value is None else value)
        self.dispatcher.release(command)
        if session.can_take:
            self.dispatcher.enlist(session, session)
        self._dispatch()
        self.pump()

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to all clients."""
        line = encode_line(event_message(name, data, Timestamp(1, 2)))
        for session in self.sessions:
            session.send_event(line)

    def _dispatch(self) -> None:
        while (entry := self.dispatcher.next_command()) is not None:
            session, command = entry
            if command is not None:
                self._run(session, command)
            if session.can_take:
                self.dispatcher.enlist(session, session)

    def _run(self, session: ServerSession, command: CommandMessage) -> None:
        self.started.append(command.id)
        if command.name in self._slow:
            self.running.append((session, command))
            if self._holds and not command.is_oob:
                self.dispatcher.hold(command)
            return
        try:
            session.respond(command, self._value(command))
        except CommandError as error:
            session.respond_error(command, error.error_class, error.desc)

    def _value(self, command: CommandMessage) -> JsonValue:
        name = command.name
        if name not in self._commands and name != "qmp_capabilities":
            raise CommandError("CommandNotFound", f"The command {name} has not been found")
        if command.is_oob and name not in self._oob:
            raise CommandError("GenericError", f"The command {name} does not support OOB")
        return self._commands[name](command.arguments or {})
