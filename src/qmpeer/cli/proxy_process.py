"""The process of ``qmpeer proxy``."""

import asyncio
from collections.abc import Callable

from qmpeer.chardev import Chardev
from qmpeer.cli.proxy_options import ProxyOptions
from qmpeer.errors import QMPError
from qmpeer.options import Disturbance, StartError, Warn
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.running import run_program
from qmpeer.options.startup import open_monitors
from qmpeer.proxy import Proxy


async def run_proxy(
    options: ProxyOptions,
    report: Warn,
    when_ready: Callable[[], None],
    call_on_signal: CallOnSignal,
) -> int:
    """Run a proxy until its server or a signal ends it.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all devices are open.
        call_on_signal: Registers a function, which is called from any thread when a signal is to
            end the proxy.

    Returns:
        The exit status.

    Raises:
        StartError: If the server can't be reached, or a device can't be opened.
        StartHelp: If an option asks for help.
    """
    program = _Proxying(options, report)
    status = await run_program(program, options, report, when_ready, call_on_signal)
    if program.proxy.end_reason is not None:
        report(f"the server has gone: {program.proxy.end_reason}")
    return status


class _Proxying:
    """The proxy as a program: the steps from its start to its end."""

    def __init__(self, options: ProxyOptions, report: Warn) -> None:
        self._options = options
        self._report = report
        self.disturbance: Disturbance = Disturbance(options, report)
        self.proxy: Proxy = Proxy(
            options.server,
            window=options.window,
            timeout=None if options.listens_first else options.timeout,
            command_timeout=options.command_timeout,
            wait_for_socket=options.waits_for_socket,
        )
        self.devices: Devices = Devices(
            options, show_line, report, self.end_by_signal, serves_many=True
        )
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)
        self.controlled: Controlled = Controlled("qmpeer proxy")
        self._connecting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect to the server, and open the devices, on which clients then come in."""
        if not self._options.listens_first:
            await self._connect()
        await open_monitors(self.devices, self._monitors, self._options, self._report)
        if not self.devices.chardevs.are_closed:
            self.proxy.open_devices()
        if self._options.listens_first:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self.proxy.start()
        except (OSError, QMPError) as error:
            self.proxy.close()
            raise StartError("", None, f"{self._options.server}: {error}") from error

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        self.proxy.attach(device, name=device.label, pretty=is_pretty)

    async def wait_ended(self) -> None:
        """Wait for the end."""
        await self.proxy.wait_closed()
        if self._connecting is not None and self._connecting.done():
            self._connecting.result()

    def end_by_signal(self) -> None:
        """Take no further clients, and end all connections."""
        self.devices.chardevs.close()
        self.proxy.close()

    def close(self) -> None:
        """Close the devices."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.devices.close()
