"""The process of ``qmpeer proxy``."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qmpeer.chardev import Chardev
from qmpeer.cli.guard_options import guarding_of
from qmpeer.cli.guarding import Guarding
from qmpeer.cli.proxy_listeners import ListenerKeys, listener_name
from qmpeer.cli.proxy_options import ProxyOptions
from qmpeer.cli.proxy_place import ProxyPlace
from qmpeer.errors import QMPError
from qmpeer.options import StartError, Warn
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.devices import Devices
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.running import ControlSocket, run_program
from qmpeer.options.startup import open_monitors
from qmpeer.proxy import Proxy

if TYPE_CHECKING:
    from qmpeer.audit import AuditLog

LOST: Final = 1
"""The exit status if the server has gone and hadn't said that it ends."""


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
    proxy = program.proxy
    if proxy.end_reason is None or proxy.is_orderly_end:
        return status
    report(f"the server has gone: {proxy.end_reason}")
    return status or LOST


class _Proxying:
    """The proxy as a program: the steps from its start to its end."""

    def __init__(self, options: ProxyOptions, report: Warn) -> None:
        self._options = options
        self._report = report
        self._place = ProxyPlace(options, report)
        guarding = guarding_of(options, report)
        self._audit = _opened_audit(guarding)
        self.proxy: Proxy = Proxy(
            self._place.server,
            window=options.window,
            timeout=None if options.listens_first else options.timeout,
            command_timeout=options.command_timeout,
            persist=options.persists,
            reconnect=options.reconnects,
            when_down=options.when_down or "wait",
            wait_for_socket=options.waits_for_socket,
            on_change=self._place.server_changed,
            policy=guarding.policy,
            audit=self._audit,
        )
        self.devices: Devices = Devices(
            options,
            show_line,
            report,
            self.end_by_signal,
            serves_many=True,
            socket_mode=0o600 if options.socket_mode is None else options.socket_mode,
            socket_owner=options.socket_owner,
        )
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)
        self.control: ControlSocket | None = None
        if options.control is not None:
            reload = guarding.reload if guarding.has_file else None
            self.control = self.proxy.control(self.end_by_signal, reload)
        self._connecting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect to the server, and open the devices, on which clients then come in."""
        if not self._options.listens_first:
            await self._connect()
        await open_monitors(self.devices, self._monitors, self._options, self._report)
        if not self.devices.chardevs.are_closed:
            await self._place.listen(self.proxy)
            self.proxy.open_devices()
        if self._options.listens_first:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._place.start(self.proxy)
        except (OSError, QMPError) as error:
            self.proxy.close()
            is_early = self._options.listens_first  # the server is about to start, or it failed
            about = "the server wasn't ready" if is_early else self._options.server
            reason = getattr(error, "strerror", None) or str(error)
            raise StartError("", None, f"{about}: {reason}") from error

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        keys = self._options.listeners.get(device.label, ListenerKeys())
        self.proxy.attach(
            device,
            name=listener_name(self._options, device.label),
            pretty=is_pretty,
            events=keys.events,
            extensions=keys.extensions,
        )

    async def wait_ended(self) -> None:
        """Wait for the end."""
        await self.proxy.wait_closed()
        await self._place.wait_gone()
        self._place.leave()
        if self._connecting is not None and self._connecting.done():
            self._connecting.result()

    def end_by_signal(self) -> None:
        """Take no further clients, and end all connections."""
        self._place.leave()  # first: clients that connect from now on reach the server
        self.devices.chardevs.close()
        self.proxy.close()

    def close(self) -> None:
        """Close the devices, and the audit log."""
        self._place.leave()
        if self._connecting is not None:
            self._connecting.cancel()
        self.devices.close()
        if self._audit is not None:
            self._audit.close()


def _opened_audit(guarding: Guarding) -> "AuditLog | None":
    try:
        return guarding.open_audit()
    except (OSError, QMPError) as error:
        raise StartError("", None, f"the audit log can't be opened: {error}") from error
