"""The process of ``qmpeer serve``, from opening the monitors to the end of the machine."""

import asyncio
from collections.abc import Callable
from functools import partial

from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options
from qmpeer.machine.startup import open_all
from qmpeer.options import Disturbance
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.running import ControlSocket, run_program
from qmpeer.values import JsonObject


async def run_machine(
    options: Options,
    report: ShowText,
    when_ready: Callable[[], None],
    call_on_signal: CallOnSignal,
) -> int:
    """Run a machine until quit or a signal, on the running loop.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all monitors are open.
        call_on_signal: Registers a function, which is called from any thread when a signal is to
            end the machine.

    Returns:
        The exit status.

    Raises:
        StartError: If a monitor can't be opened.
        StartHelp: If an option asks for help.
    """
    program = _Serving(options, report)
    return await run_program(program, options, report, when_ready, call_on_signal)


class _Serving:
    """The machine as a program: the steps from its start to its end."""

    def __init__(self, options: Options, report: ShowText) -> None:
        self._options = options
        self._report = report
        self._disturbance = Disturbance(options, report)
        self._machine = Machine(options, show_line, report, self._disturbance.wrap)
        self.devices: Devices = self._machine.devices
        self.control: ControlSocket | None = self._disturbance.control(
            _ControlledMachine(self._machine), self.end_by_signal
        )
        self._machine.monitor.human.later(partial(_register_human_commands, self._machine))

    async def open(self) -> None:
        """Open everything, then start the guest before any monitor executes a command.

        Spec: QEMU executes no command before the guest has started, so no client sees its RESUME
        event.
        """
        if self._disturbance.late:
            await asyncio.sleep(self._disturbance.late)
        await open_all(self._machine, self._options, self._report)
        # No await from here to start(): a client could get its first command in between.
        if not self._machine.is_shutting_down:
            self._machine.start()

    async def wait_ended(self) -> None:
        """Wait for the end of the machine."""
        await self._machine.monitor.wait_closed()

    def end_by_signal(self) -> None:
        """End the machine."""
        self._machine.shut_down("host-signal")

    def close(self) -> None:
        """Close the devices and the descriptors that the machine still holds."""
        self.devices.close()


class _ControlledMachine(Controlled):
    """The machine as its control socket sees it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__("qmpeer serve")
        self._machine = machine

    def send_event(self, name: str, data: JsonObject | None) -> None:
        """Send an event to all clients that have negotiated."""
        self._machine.monitor.emit(name, data)


def _register_human_commands(machine: Machine) -> None:
    from qmpeer.machine.human import register_human_commands  # start: 20 ms

    register_human_commands(machine)
