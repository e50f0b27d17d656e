"""The process of a program that passes clients on to a server."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from qmpeer.chardev import Chardev
from qmpeer.cli.relay_options import RelayOptions
from qmpeer.errors import CommandError
from qmpeer.options import Disturbance, Warn
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices
from qmpeer.options.fault_options import lacks_process
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.running import ControlSocket, run_program
from qmpeer.options.startup import open_monitors
from qmpeer.relay import Observer, Relay
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.faults import Fault


async def run_relay(
    options: RelayOptions,
    report: Warn,
    when_ready: Callable[[], None],
    observer: Observer | None,
    call_on_signal: CallOnSignal,
) -> int:
    """Run a relay until a signal ends it.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all devices are open.
        observer: Sees all bytes that pass.
        call_on_signal: Registers a function, which is called from any thread when a signal is to
            end the relay.

    Returns:
        The exit status.

    Raises:
        StartError: If a device can't be opened.
        StartHelp: If an option asks for help.
    """
    program = _Relaying(options, report, observer)
    return await run_program(program, options, report, when_ready, call_on_signal)


class _Relaying:
    """The relay as a program: the steps from its start to its end."""

    def __init__(
        self,
        options: RelayOptions,
        report: Warn,
        observer: Observer | None,
    ) -> None:
        self._options = options
        self._report = report
        self._disturbance = Disturbance(options, report)
        self._relay = Relay(
            options.server,
            observer=observer,
            wrap=self._disturbance.wrap,
            timeout=options.timeout,
            wait_for_socket=options.waits_for_socket,
        )
        self._attached: list[Chardev] = []
        self._is_open = False
        self.devices: Devices = Devices(
            options, show_line, report, self.end_by_signal, self._check_clients
        )
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)
        self.control: ControlSocket | None = self._disturbance.control(
            _ControlledRelay(options, self._disturbance), self.end_by_signal
        )

    async def open(self) -> None:
        """Open the devices, on which clients then come in."""
        if self._disturbance.late:
            await asyncio.sleep(self._disturbance.late)
        await open_monitors(self.devices, self._monitors, self._options, self._report)
        if not self.devices.chardevs.are_closed:
            self._is_open = True
            self._check_clients()

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        device.reports_end = True  # QEMU's monitors outlive their input; a relay passes its end on
        self._relay.attach(device)
        self._attached.append(device)

    def _check_clients(self) -> None:
        """End the relay once nobody can come any more: on standard streams there is one client."""
        ends = (device.kind == "stdio" and not device.is_connected for device in self._attached)
        if self._is_open and all(ends):
            self.end_by_signal()

    async def wait_ended(self) -> None:
        """Wait until all connections have ended."""
        await self._relay.wait_closed()

    def end_by_signal(self) -> None:
        """Take no further clients, and close all connections."""
        self.devices.chardevs.close()
        self._relay.close()

    def close(self) -> None:
        """Close the devices."""
        self.devices.close()


class _ControlledRelay(Controlled):
    """The relay as its control socket sees it."""

    def __init__(self, options: RelayOptions, disturbance: Disturbance) -> None:
        super().__init__("qmpeer relay")
        self._options = options
        self._disturbance = disturbance

    def check_fault(self, fault: "Fault") -> None:
        """Refuse faults of the server's process, if that isn't known."""
        if (reason := lacks_process(fault, self._options)) is not None:
            raise CommandError("GenericError", reason)

    def send_event(self, name: str, data: JsonObject | None) -> None:
        """Insert an event into what the server sends to the clients that are there."""
        from qmpeer.faults import Connections, Faults  # start: 20 ms

        injector = self._disturbance.injector
        assert injector is not None, "a control socket needs one"
        (fault,) = Faults().inject(name, data)
        injector.disarm(injector.arm(fault, Connections.CURRENT))
