"""A program whose QMP monitors share one raw backend, such as a replay."""

import asyncio

from qmpeer.chardev import Chardev
from qmpeer.monitor import Monitor, RawBackend
from qmpeer.monitor.openings import FactoryWrapper
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.fault_options import Disturbance
from qmpeer.options.process import show_line
from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.running import ControlSocket
from qmpeer.options.startup import open_monitors
from qmpeer.transport.aio import HandlerFactory


class BackendProgram:
    """A `qmpeer.options.running.Program` with a raw backend: it runs until a signal.

    Args:
        options: The parsed command line.
        backend: Executes the commands of all clients.
        controlled: The program as its control socket sees it.
        report: Shows a text on standard error.
        observe: Wraps the factories of clients' handlers: it sees what comes before any fault.
    """

    def __init__(
        self,
        options: ProgramOptions,
        backend: RawBackend,
        controlled: Controlled,
        report: ShowText,
        observe: FactoryWrapper | None = None,
    ) -> None:
        self._options = options
        self._report = report
        self._observe = observe
        self.disturbance: Disturbance = Disturbance(options, report)
        self.control: ControlSocket | None = self.disturbance.control(
            controlled, self.end_by_signal
        )
        self._monitor = Monitor(backend=backend, wrap=self._wrap)
        self.devices: Devices = Devices(options, show_line, report, self.end_by_signal)
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)

    def _wrap(self, factory: HandlerFactory) -> HandlerFactory:
        for wrap in (self.disturbance.wrap, self._observe):
            if wrap is not None:
                factory = wrap(factory)
        return factory

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        self._monitor.attach(device, pretty=is_pretty)

    async def open(self) -> None:
        """Open all monitors."""
        if self.disturbance.late:
            await asyncio.sleep(self.disturbance.late)
        await open_monitors(self.devices, self._monitors, self._options, self._report)
        if not self.devices.chardevs.are_closed:
            self._monitor.open_devices()

    async def wait_ended(self) -> None:
        """Wait for the end."""
        await self._monitor.wait_closed()

    def end_by_signal(self) -> None:
        """Begin to end: the connections are closed."""
        self._monitor.shutdown()

    def close(self) -> None:
        """Close the devices."""
        self.devices.close()
