# Generated from aio/guest_agent.py by scripts/blocking_client.py: `make fix` writes it anew.
"""The client of a guest agent, for blocking code."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from qmpeer import limits
from qmpeer.client import blocking
from qmpeer.client.agent_answers import (
    AgentInfo,
    Executed,
    Readable,
    Writable,
    read_count,
    read_executed,
    read_info,
    read_pid,
)
from qmpeer.client.answers import read_answer
from qmpeer.client.blocking import agent_files
from qmpeer.client.blocking.agent_contact import AgentContact, ask, no_answer, rest_of
from qmpeer.client.blocking.channel import Channel
from qmpeer.client.blocking.primitives import ClosedOnExit, Lock, open_connection, pause
from qmpeer.client.blocking.procedures import watchful_pause
from qmpeer.client.reconnection import can_be_dialled_again
from qmpeer.client.sessions import new_session
from qmpeer.client.timeouts import DEFAULT, Countdown, Deadline, Default, Timeout
from qmpeer.client.watching import announce
from qmpeer.errors import AnswerError, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.transport import AddressLike, address_text
from qmpeer.transport.forking import own
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.client.recorder import Record, Recorder

_THAW = "guest-fsfreeze-thaw"


class GuestAgent(ClosedOnExit):
    """A client of a guest agent, for blocking code; several threads may share one.

    Make one with `connect` or `Client.guest_agent`, and use it as a context manager.

    Each method first checks, within five seconds, that the agent answers; so a silent agent raises
    TimeoutError soon, even if the method's own timeout is long. If the agent was restarted, the
    next call connects again; calls that were running raise CommandInterrupted or ConnectionClosed.

    All methods raise CommandError if the agent returns an error, AnswerError (a subclass) if its
    answer has the wrong form, TimeoutError if it doesn't answer in time, CommandInterrupted if the
    connection ends first (the outcome is unknown then), and ConnectionClosed or OSError if there is
    no connection.

    Attributes:
        command_timeout: The default timeout of each method, in seconds; None waits for ever.

    Example:
        >>> address = "unix:/run/ga.sock"
        >>> with GuestAgent.connect(address) as agent:  # doctest: +SKIP
        ...     done = agent.run(["hostname", "-s"])
        ...     print(done.exit_code)
        0
    """

    def __init__(self, address: AddressLike, command_timeout: float | None) -> None:
        self.command_timeout = command_timeout
        self._address = address
        self._channel: Channel | None = None
        self._lock = Lock()
        own(self)
        self._waits_for_socket = False
        self._is_closed = False
        self._recorder: Recorder | None = None
        announce(self)

    def _disown(self, reason: str) -> None:
        """Replace the lock in a forked child: a thread of the parent may have held it."""
        self._lock = Lock()

    @classmethod
    def connect(
        cls,
        address: AddressLike,
        *,
        timeout: float | None = limits.CONNECT_TIMEOUT,
        command_timeout: float | None = limits.COMMAND_TIMEOUT,
        wait_for_socket: bool = False,
        record: "Record | None" = None,
    ) -> "GuestAgent":
        """Connect to an agent, and wait until it answers.

        Args:
            address: The address of the chardev behind the agent's port, or of the agent itself if
                it listens; or a connected socket, which rules out reconnecting.
            timeout: Seconds until the agent answers; a guest that is still booting needs more. None
                waits for ever.
            command_timeout: The default timeout of later calls, in seconds; None waits for ever.
            wait_for_socket: Keep trying while nobody listens at the address yet.
            record: A file, or a recording, to which the conversation is recorded, as described at
                `Client.connect`.
        """
        agent = cls(address, command_timeout)
        if record is not None:
            agent._recorder = blocking.Recorder(record, address_text(address))
        agent._waits_for_socket = wait_for_socket
        try:
            agent._contact.first_contact(Countdown(timeout))
        except BaseException:
            agent.close()
            raise
        # A restarting agent may be missing for a moment, so later connections wait for its socket.
        agent._waits_for_socket = True
        return agent

    # Commands

    def execute(
        self, command: str, arguments: JsonObject | None = None, *, timeout: Timeout = DEFAULT
    ) -> Any:
        """Execute a command of the agent and return its return value.

        The command must be one that the agent answers when it succeeds.
        """
        return self._contact.execute(command, arguments, self._countdown(timeout))

    def synchronize(self, *, timeout: Timeout = DEFAULT) -> None:
        """Check that the agent answers. All other methods do so themselves."""
        self._contact.synchronize(self._countdown(timeout))

    def ping(self, *, timeout: Timeout = DEFAULT) -> None:
        """Execute guest-ping, which returns nothing."""
        self.execute("guest-ping", timeout=timeout)

    def info(self, *, timeout: Timeout = DEFAULT) -> AgentInfo:
        """Return the agent's version and its commands."""
        return read_info(self.execute("guest-info", timeout=timeout))

    # Programs

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input: bytes | None = None,
        capture_output: bool = True,
        timeout: Timeout = DEFAULT,
    ) -> Executed:
        """Run a program in the guest, and wait until it ends.

        Args:
            argv: The program and its arguments; no shell interprets them.
            env: The program's environment, instead of the agent's.
            input: The program's standard input.
            capture_output: Return the program's output, up to the 16 MiB that the agent keeps.
            timeout: Seconds for the whole run; None waits for ever. A program that hasn't ended by
                then keeps running; a note at the TimeoutError holds its pid.
        """
        countdown = self._countdown(timeout)
        arguments: JsonObject = {
            "path": argv[0],
            "arg": list(argv[1:]),
            "capture-output": capture_output,
        }
        if env is not None:
            arguments["env"] = [f"{name}={value}" for name, value in env.items()]
        if input is not None:
            arguments["input-data"] = b64encode(input).decode()
        channel = self._contact.synchronize(countdown)
        pid = read_pid(ask(channel, "guest-exec", arguments, countdown))
        # An agent sends no events, so the status is polled, at growing intervals.
        delay = limits.AGENT_POLL
        try:
            while True:
                executed = _query_status(channel, argv[0], pid, countdown)
                if executed is not None:
                    return executed
                watchful_pause(channel, countdown.remaining(delay))
                delay = min(2 * delay, limits.AGENT_POLL_MOST)
                if countdown.is_over:
                    raise TimeoutError(f"{argv[0]} hasn't ended in {countdown.timeout:.4g} s")
        except (AnswerError, TimeoutError, CommandInterrupted, ConnectionClosed) as error:
            error.add_note(f"{argv[0]} may still run in the guest, its pid is {pid}")
            raise

    # Files

    def read_file(
        self, path: str, *, limit: int = limits.AGENT_FILE, timeout: Timeout = DEFAULT
    ) -> bytes:
        """Return the contents of a file in the guest.

        Raises:
            LimitError: If the file is larger than `limit` bytes.
        """
        memory = BytesIO()
        agent_files.get_file(self._contact, path, memory, limit, self._countdown(timeout))
        return memory.getvalue()

    def write_file(
        self, path: str, data: bytes, *, append: bool = False, timeout: Timeout = DEFAULT
    ) -> None:
        """Write a file in the guest, or append to it."""
        self.put_file(BytesIO(data), path, append=append, timeout=timeout)

    def get_file(self, path: str, sink: Writable, *, timeout: Timeout = DEFAULT) -> int:
        """Copy a file out of the guest into an open binary file; return its size."""
        countdown = self._countdown(timeout)
        return agent_files.get_file(self._contact, path, sink, None, countdown)

    def put_file(
        self, source: Readable, path: str, *, append: bool = False, timeout: Timeout = DEFAULT
    ) -> int:
        """Copy an open binary file into a file in the guest; return the number of bytes."""
        countdown = self._countdown(timeout)
        return agent_files.put_file(self._contact, source, path, append, countdown)

    # File systems

    def freeze(
        self, mountpoints: Sequence[str] | None = None, *, timeout: Timeout = DEFAULT
    ) -> int:
        """Freeze all or some of the guest's file systems; return their number. Prefer `frozen`.

        If the outcome is unknown, the file systems are thawed before this raises. If thawing fails,
        the exception gets a note.
        """
        countdown = self._countdown(timeout)
        command = "guest-fsfreeze-freeze" if mountpoints is None else "guest-fsfreeze-freeze-list"
        arguments: JsonObject = {} if mountpoints is None else {"mountpoints": list(mountpoints)}
        channel = self._contact.synchronize(countdown)
        try:
            return read_count(command, ask(channel, command, arguments, countdown))
        except BaseException as error:
            is_refused = isinstance(error, CommandError) and not isinstance(error, AnswerError)
            if is_refused or isinstance(error, GeneratorExit):
                raise  # the agent itself thaws what it had frozen
            try:
                self._thaw_surely(rest_of(countdown, limits.AGENT_THAW))
            except (CommandError, ConnectionClosed, CommandInterrupted, OSError) as failure:
                error.add_note(f"file systems may be frozen, thawing them failed: {failure}")
            raise

    def thaw(self, *, timeout: Timeout = DEFAULT) -> int:
        """Thaw the guest's file systems; return the number of frozen ones."""
        return read_count(_THAW, self.execute(_THAW, timeout=timeout))

    def freeze_status(self, *, timeout: Timeout = DEFAULT) -> str:
        """Return "frozen" or "thawed"."""
        answer = self.execute("guest-fsfreeze-status", timeout=timeout)
        return read_answer("guest-fsfreeze-status", answer, str, "frozen or thawed")

    def frozen(
        self, mountpoints: Sequence[str] | None = None, *, timeout: Timeout = DEFAULT
    ) -> "Frozen":
        """Return a context manager that keeps the guest's file systems frozen.

        At its end they are thawed in any case: for a minute, a failed attempt is repeated, on a new
        connection if necessary.

        Args:
            mountpoints: The file systems to freeze; None freezes all.
            timeout: Seconds to freeze them; None waits for ever.
        """
        return Frozen(self, mountpoints, timeout)

    def _thaw_surely(self, countdown: Countdown) -> int:
        """Thaw the file systems, retrying while the agent can't be reached or doesn't answer."""
        while True:
            # Each attempt has a deadline of its own: the agent may be restarted during one.
            attempt = Countdown(countdown.remaining(2 * limits.AGENT_PRESENCE))
            try:
                return read_count(_THAW, self._contact.execute_at_last(_THAW, None, attempt))
            except (ConnectionClosed, CommandInterrupted, OSError):  # TimeoutError is one
                if countdown.is_over:
                    raise
                pause(countdown.remaining(limits.AGENT_POLL_MOST) or 0.0)

    # Power

    def shutdown(
        self,
        mode: Literal["powerdown", "halt", "reboot"] = "powerdown",
        *,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Shut the guest down; return once the shutdown has begun or the guest is gone."""
        self._contact.send("guest-shutdown", {"mode": mode}, self._countdown(timeout))

    def suspend(
        self, mode: Literal["disk", "ram", "hybrid"] = "ram", *, timeout: Timeout = DEFAULT
    ) -> None:
        """Suspend the guest; return once it answers again or is gone.

        A suspended guest doesn't answer. If it isn't woken before the deadline, this raises
        TimeoutError.
        """
        self._contact.send(f"guest-suspend-{mode}", None, self._countdown(timeout))

    # The connection

    @property
    def is_closed(self) -> bool:
        """True if `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Close the connection; repeated calls do no harm."""
        with self._lock:
            self._is_closed = True
            if self._channel is not None:
                self._channel.close()
            if self._recorder is not None:
                self._recorder.close()

    def __repr__(self) -> str:
        return f"<GuestAgent {'closed' if self._is_closed else self._address!s}>"

    @property
    def _contact(self) -> AgentContact:
        """A new contact with the agent. Storing it would make a reference cycle."""
        return AgentContact(self._connected)

    def _countdown(self, timeout: Timeout) -> Countdown:
        return Countdown(self.command_timeout if isinstance(timeout, Default) else timeout)

    def _connected(self, timeout: float | None) -> Channel:
        """Return the connection; make a new one if it has ended."""
        with self._lock:
            if self._is_closed:
                raise ConnectionClosed("the guest agent's client was closed")
            channel = self._channel
            if channel is not None and not channel.is_closed:
                return channel
            if channel is not None:
                channel.close()
                if not can_be_dialled_again(self._address):
                    raise ConnectionClosed(
                        "the connection has ended, and a socket can't be connected again"
                    )
            session = new_session(
                address_text(self._address), False, None, None, limits.MESSAGE_SIZE, self._recorder
            )
            self._channel = open_connection(
                self._address, session, Deadline(timeout), wait_for_socket=self._waits_for_socket
            )
            return self._channel


class Frozen:
    """A context manager that keeps a guest's file systems frozen.

    Attributes:
        count: The number of frozen file systems.
    """

    def __init__(
        self, agent: GuestAgent, mountpoints: Sequence[str] | None, timeout: Timeout
    ) -> None:
        self.count: int = 0
        self._agent = agent
        self._mountpoints = mountpoints
        self._timeout = timeout

    def __enter__(self) -> "Frozen":
        self.count = self._agent.freeze(self._mountpoints, timeout=self._timeout)
        return self

    def __exit__(self, *error: object) -> None:
        self._agent._thaw_surely(Countdown(limits.AGENT_THAW))


def _query_status(
    channel: Channel, program: str, pid: int, countdown: Countdown
) -> Executed | None:
    """Ask once whether a program has ended; a running agent answers that at once."""
    seconds = countdown.remaining(limits.AGENT_PRESENCE)
    try:
        answer = channel.execute("guest-exec-status", {"pid": pid}, seconds, False, ())
    except TimeoutError:
        if countdown.is_over:
            reason = f"{program} hasn't ended in {countdown.timeout:.4g} s"
        else:
            reason = no_answer(seconds or 0.0)
        raise TimeoutError(reason) from None
    return read_executed(answer)
