"""A server that follows a script, on a real wire."""

import time
from collections.abc import Callable, Mapping, Sequence
from socket import AF_UNIX, SOCK_STREAM, socket, socketpair
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from qmpeer.errors import ScriptMismatch
from qmpeer.messages import (
    CAPABILITIES,
    QemuVersion,
    Version,
    greeting_message,
)
from qmpeer.monitor import Monitor
from qmpeer.monitor.openings import FactoryWrapper
from qmpeer.script.backend import ScriptBackend
from qmpeer.script.calls import Call, Calls
from qmpeer.script.checks import checks_for, unchecked_notice
from qmpeer.script.mismatches import waived_kinds
from qmpeer.script.rules import Rule
from qmpeer.script.script import Script
from qmpeer.transport import AddressLike
from qmpeer.transport.short_folder import ShortFolder
from qmpeer.values import UNSET, JsonObject, UnsetType

if TYPE_CHECKING:
    from qmpeer.faults import Faults
    from qmpeer.script.agent_behaviour import Agent, Program
    from qmpeer.script.hotplug_behaviour import Deleted, Hotplug
    from qmpeer.script.job_behaviour import Jobs
    from qmpeer.script.machine_behaviour import RunningMachine
    from qmpeer.script.migration_behaviour import Migration, MigrationEnd
    from qmpeer.script.schema_sources import SchemaSource
    from qmpeer.script.screen_behaviour import Screen, Writes

_SOCKET: Final = "qmp"


class ScriptedServer:
    """A QMP server that answers what its script says, and judges what it is asked.

    It is a real server: `Monitor` greets, negotiates, reads QEMU's dialect and keeps QEMU's order;
    the script is its raw backend. It runs in a thread of its own, so it serves blocking programs,
    asyncio, and other processes.

    As a context manager it starts, and at the end stops and calls `verify`, unless the block has
    raised an error.

    Args:
        address: Where it listens; by default on a unix socket in a new folder with a short path,
            which is removed at the end.
        schema: The schema of what it pretends to be. The script and what arrives are checked
            against it. A schema; a QAPI file; a recording, or a saved answer to query-qmp-schema;
            the address of a running server; "installed" for the QEMU on PATH, or
            "installed:PROGRAM". None checks nothing.
        deprecated: "fail" reports the use of commands and arguments that the schema calls
            deprecated.
        version: The version in its greeting as major, minor, micro.
        package: The version's "package".
        capabilities: The capabilities that it offers.
        greeting: Another greeting, the whole message. Bytes are sent as they stand: b"" is a
            silent server. None for a server that neither greets nor negotiates, such as a guest
            agent.
        many: Serve any number of clients at once. By default one at a time on each socket, as QEMU.
        pretty: Write each message over several lines.
        faults: Faults between it and its clients.
        seed: The seed of their chance.
        clock: Returns seconds, for the times of calls.

    Attributes:
        script: The script.

    Example:
        >>> from qmpeer import Client
        >>> with ScriptedServer() as server:
        ...     _ = server.on("stop").event("STOP").reply()
        ...     with Client.connect(server.address) as vm:
        ...         _ = vm.execute("stop")
        >>> server.calls.names
        ['stop']
    """

    def __init__(
        self,
        address: AddressLike | None = None,
        *,
        schema: "SchemaSource | None" = None,
        deprecated: Literal["accept", "fail"] = "accept",
        version: tuple[int, int, int] = (7, 2, 0),
        package: str = "",
        capabilities: Sequence[str] = CAPABILITIES,
        greeting: JsonObject | bytes | UnsetType | None = UNSET,
        many: bool = False,
        pretty: bool = False,
        faults: "Faults | None" = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        own_version = Version(QemuVersion(*version), package)
        if isinstance(greeting, UnsetType):
            greeting = greeting_message(own_version, tuple(capabilities))
        self.script: Script = Script(
            checks_for(schema, deprecated), None if greeting is None else own_version
        )
        self._wanted = address
        self._is_many = many
        self._is_pretty = pretty
        self._backend = ScriptBackend(self.script, greeting, clock)
        wrap: FactoryWrapper = self._backend.conversation.wrap
        if faults is not None:
            wrap = _faulty(wrap, faults, seed)
        self._monitor = Monitor(backend=self._backend, wrap=wrap, linger=0)
        self._folder: ShortFolder | None = None
        self._is_started = False

    # Its life

    def start(self) -> "ScriptedServer":
        """Listen, and return the server itself.

        Raises:
            OSError: If the address can't be bound.
            RuntimeError: If it was started before.
        """
        if self._is_started:
            raise RuntimeError("this server was started before")
        self._is_started = True
        if self._wanted is None:
            self._folder = ShortFolder()
        self._monitor.start(
            self._wanted or self.address, many=self._is_many, pretty=self._is_pretty
        )
        self._backend.begin()
        return self

    def stop(self) -> None:
        """Disconnect all clients, and remove what `start` made. Idempotent."""
        self._backend.disconnect()
        self._monitor.stop()
        self._backend.close()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def __enter__(self) -> "ScriptedServer":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None:
            self.verify()

    @property
    def address(self) -> str:
        """The address at which clients reach it, such as "unix:/tmp/qmpeer-4f2/qmp"."""
        if listeners := self._monitor.listeners:
            return str(listeners[0].address)
        if self._folder is None:
            raise RuntimeError("the server isn't started")
        return f"unix:{self._folder.path(_SOCKET)}"

    def new_socket(self) -> socket:
        """Return a connected socket, whose other end is a new client of the server.

        The caller owns it.
        """
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        self._monitor.attach(ours, pretty=self._is_pretty)
        return theirs

    # The script

    def on(
        self,
        command: str | None,
        arguments: Mapping[str, Any] | None = None,
        *,
        state: str | None = None,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
    ) -> Rule:
        """Add a rule for a command; see `Script.on`."""
        return self.script.on(command, arguments, state=state, exact=exact, where=where)

    def expect(
        self,
        command: str | None,
        arguments: Mapping[str, Any] | None = None,
        *,
        exact: bool = False,
        where: Callable[[Call], bool] | None = None,
    ) -> Rule:
        """Add an expectation: they are to be met in their order; see `Script.expect`."""
        return self.script.expect(command, arguments, exact=exact, where=where)

    def otherwise(self) -> Rule:
        """Return a new rule for every command that nothing else answers."""
        return self.script.otherwise()

    def when_ready(self) -> Rule:
        """Add steps that happen whenever a client has negotiated."""
        return self.script.when_ready()

    def after(self, seconds: float, *, state: str | None = None) -> Rule:
        """Add steps that happen some time after a state was entered; see `Script.after`."""
        return self.script.after(seconds, state=state)

    def state(self, machine: str = "") -> str:
        """Return the current state of a machine of states."""
        return self.script.state(machine)

    def goto(self, state: str) -> None:
        """Enter a state. Callable from any thread."""
        self._backend.goto(state)

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to all clients that have negotiated. Callable from any thread.

        Raises:
            ScriptError: If the schema has no such event, or other data.
        """
        self._backend.emit(name, data)

    # Ready behaviours. Rules of the script go before them.

    def running_machine(
        self, *, status: str = "running", powerdown: float | None = 0.0
    ) -> "RunningMachine":
        """Behave as a running machine: query-status, stop, cont, reset, power button, quit.

        Args:
            status: Its run state at the beginning.
            powerdown: Seconds from system_powerdown to the end of the guest; None for a guest that
                ignores it.
        """
        from qmpeer.script.machine_behaviour import RunningMachine  # start: 5 ms

        return RunningMachine(self._backend, status=status, powerdown=powerdown)

    def hotplug(
        self,
        *,
        deleted: "Deleted" = "after",
        seconds: float = 0.0,
        devices: Mapping[str, str] | None = None,
    ) -> "Hotplug":
        """Add and remove devices and objects, and list them in the object tree.

        Args:
            deleted: When DEVICE_DELETED comes: "before" or "after" the reply to device_del, or
                "never"; "refused" sends DEVICE_UNPLUG_GUEST_ERROR in its place.
            seconds: The time from the reply to the event.
            devices: The devices at the beginning: the drivers by their ids.
        """
        from qmpeer.script.hotplug_behaviour import Hotplug  # start: 5 ms

        return Hotplug(self._backend, deleted=deleted, seconds=seconds, devices=devices)

    def jobs(
        self,
        *,
        fault: str | None = None,
        seconds: float = 0.0,
        steps: int = 2,
        size: int = 1 << 20,
    ) -> "Jobs":
        """Run jobs: backup, mirror, commit, stream, create and others, with their events.

        Args:
            fault: The error that ends every job, such as "No space left on device"; None if they
                succeed.
            seconds: The duration of their work.
            steps: The number of steps of their work.
            size: The amount of their work, in bytes.
        """
        from qmpeer.script.job_behaviour import Jobs  # start: 5 ms

        return Jobs(self._backend, fault=fault, seconds=seconds, steps=steps, size=size)

    def migration(
        self,
        *,
        end: "MigrationEnd" = "completed",
        error: str = "Unable to write to socket: Broken pipe",
        seconds: float = 0.0,
        steps: int = 2,
        size: int = 64 << 20,
        machine: "RunningMachine | None" = None,
    ) -> "Migration":
        """Migrate, and end as told.

        Args:
            end: "completed", "failed", "cancelled", or "never" to stay active until it is
                cancelled.
            error: The reason of a failure.
            seconds: The duration of the transfer.
            steps: The number of its steps.
            size: Bytes of the guest's memory.
            machine: The running machine that stops when the migration completes.
        """
        from qmpeer.script.migration_behaviour import Migration  # start: 5 ms

        return Migration(
            self._backend,
            end=end,
            error=error,
            seconds=seconds,
            steps=steps,
            size=size,
            machine=machine,
        )

    def screen(
        self,
        *,
        writes: "Writes" = "now",
        seconds: float = 0.0,
        size: tuple[int, int] = (64, 48),
        color: tuple[int, int, int] = (0, 0, 0),
    ) -> "Screen":
        """Write pictures of a screen of one colour: screendump, into files and descriptors.

        Args:
            writes: When a picture is written: "now" before the reply, "late" after it, or "never".
            seconds: With "now" the time until the reply, with "late" the time from the reply to
                the picture.
            size: The screen's width and height.
            color: Its colour: red, green, blue.
        """
        from qmpeer.script.screen_behaviour import Screen  # start: 5 ms

        return Screen(self._backend, writes=writes, seconds=seconds, size=size, color=color)

    def guest_agent(
        self,
        *,
        programs: "Mapping[str, Program] | None" = None,
        files: Mapping[str, bytes] | None = None,
        filesystems: int = 1,
    ) -> "Agent":
        """Behave as a guest agent; the server needs ``greeting=None``.

        Args:
            programs: What the guest's programs do, by their paths.
            files: The guest's files, by their paths.
            filesystems: The number of file systems that can be frozen.
        """
        from qmpeer.script.agent_behaviour import Agent  # start: 5 ms

        return Agent(self._backend, programs=programs, files=files, filesystems=filesystems)

    # What happened

    @property
    def calls(self) -> Calls:
        """The commands that came, oldest first."""
        return self.script.calls

    def wait_call(self, command: str, *, count: int = 1, timeout: float | None = 10.0) -> Call:
        """Wait for a command, and return its call.

        Args:
            command: Its name.
            count: Wait for so many calls of it, and return the last of these.
            timeout: In seconds; None waits for ever.

        Raises:
            TimeoutError: If it doesn't come in time.
        """
        return self._backend.wait_call(command, count, timeout)

    @property
    def conversation(self) -> str:
        """The newest part of what passed, as a transcript, newest last, without secrets."""
        return self._backend.conversation.text

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:
        """Check that what happened is what the script says.

        Args:
            allow_unexpected: Allow commands that no rule answered.
            allow_unmet: Allow rules that weren't asked as often as they must be.

        Raises:
            ScriptMismatch: With all differences.
        """
        waived = waived_kinds(allow_unexpected=allow_unexpected, allow_unmet=allow_unmet)
        found = [str(each) for each in self.script.outcome() if each.kind not in waived]
        if found:
            raise ScriptMismatch(tuple(found), unchecked_notice(self.script.checks))


def _faulty(wrap: FactoryWrapper, faults: "Faults", seed: int) -> FactoryWrapper:
    """Put faults between a server and what its clients get."""
    from qmpeer.faults import Injector  # start: 20 ms

    injector = Injector(faults, seed=seed)
    return lambda factory: wrap(injector.wrap(factory))
