"""The control socket of a program: QMP, whose commands arm faults and look at what clients did."""

from collections.abc import Callable
from typing import Final, Literal

from qmpeer import __version__
from qmpeer.errors import CommandError, FaultError
from qmpeer.faults import ArmedFault, Connections, Fault, Injector, parse_fault
from qmpeer.faults.conversation import Command
from qmpeer.monitor import Monitor
from qmpeer.options.call_log import CallLog
from qmpeer.options.controlled import Controlled
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import Listener
from qmpeer.values import JsonObject

_VERSION: Final = (0, 1, 0)


class Control:
    """A monitor that controls a program.

    It observes the program's clients from the beginning, and executes commands once it has been
    joined to the program.
    """

    def __init__(self) -> None:
        self._log = CallLog()
        self._monitor = Monitor(name="qmpeer-control", version=_VERSION, package=__version__)
        self._injector: Injector | None = None

    def join(self, injector: Injector, controlled: Controlled, end: Callable[[], None]) -> None:
        """Register the commands.

        Args:
            injector: The live injector of the program's faults.
            controlled: The program.
            end: Ends the program.
        """
        self._injector = injector
        self._register(_Commands(injector, controlled, self._log), end)

    async def listen(self, address: AddressLike, *, insecure: bool) -> Listener:
        """Listen for clients, and execute their commands; see `ControlSocket.listen`."""
        return await self._monitor.listen(address, many=True, insecure=insecure)

    async def close(self) -> None:
        """Finish the replies, and close."""
        self._monitor.shutdown()
        await self._monitor.wait_closed()

    # What it observes

    def command_received(self, connection: int, command: Command) -> None:
        """Log a command of a client, and send COMMAND_RECEIVED."""
        self._monitor.emit("COMMAND_RECEIVED", self._log.add(connection, command))

    def fault_happened(self, fault: Fault, peer: str) -> None:
        """Send FAULT_HAPPENED."""
        data: JsonObject = {"fault": str(fault)}
        for armed in self._injector.armed if self._injector is not None else ():
            if armed.fault is fault:
                data = {"id": armed.number, **data}
        self._monitor.emit("FAULT_HAPPENED", data)

    def _register(self, commands: "_Commands", end: Callable[[], None]) -> None:
        command = self._monitor.command
        command("fault-add")(commands.fault_add)
        command("fault-del")(commands.fault_del)
        command("query-faults")(commands.query_faults)
        command("query-calls")(commands.query_calls)
        command("query-report")(commands.query_report)
        command("set-state")(commands.set_state)
        command("send-event")(commands.send_event)
        command("reset")(commands.reset)
        command("quit")(end)


class _Commands:
    """The commands of a control socket."""

    def __init__(self, injector: Injector, controlled: Controlled, log: CallLog) -> None:
        self._injector = injector
        self._controlled = controlled
        self._log = log
        self._planned = len(injector.armed)

    def fault_add(
        self, fault: str, connections: Literal["all", "current", "next"] = "all"
    ) -> JsonObject:
        """Arm a fault, written as for --fault; return its id."""
        try:
            parsed = parse_fault(fault)
            self._controlled.check_fault(parsed)
            armed = self._injector.arm(parsed, Connections(connections))
        except FaultError as error:
            raise CommandError("GenericError", str(error)) from error
        return {"id": armed.number}

    def fault_del(self, id: int | None = None) -> None:
        """End a fault, or all; those that hold bytes back let them go."""
        chosen = [each for each in self._injector.armed if id in (None, each.number)]
        if not chosen and id is not None:
            raise CommandError("GenericError", f"Fault {id} not found")
        for armed in chosen:
            self._injector.disarm(armed)

    def query_faults(self) -> list[JsonObject]:
        """Return all faults, those of the command line first."""
        return [_shown(armed) for armed in self._injector.armed]

    def query_calls(self, since: int = 0, command: str | None = None) -> list[JsonObject]:
        """Return the commands that clients sent: those behind a number, those of a name."""
        return list(self._log.calls(since, command))

    def query_report(self) -> JsonObject:
        """Return the program's report so far."""
        return self._controlled.report()

    def set_state(self, name: str) -> None:
        """Move a scripted server to a state."""
        self._controlled.set_state(name)

    def send_event(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to the program's clients."""
        self._controlled.send_event(name, data)

    def reset(self) -> None:
        """Forget the calls, end the faults that were armed here, and let the program begin anew."""
        for armed in self._injector.armed:
            if armed.number > self._planned:
                self._injector.disarm(armed)
        self._log.clear()
        self._controlled.reset()


def _shown(armed: ArmedFault) -> JsonObject:
    return {
        "id": armed.number,
        "fault": str(armed.fault),
        "connections": armed.connections.value,
        "happened": armed.happened,
    }
