"""The process of ``qmpeer serve``: it opens the monitors, runs the machine and ends with it."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from qmpeer.machine.compat_monitors import CompatMonitor
from qmpeer.machine.devices import MonitorDevice
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options, StartError
from qmpeer.monitor import Monitor, new_event_loop
from qmpeer.transport import Address, dial
from qmpeer.transport.aio import open_stdio_stream, open_stream, start_listening

_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)

Say = Callable[[str], None]
"""Shows a line to whoever started the process."""


def run_process(options: Options, say: Say, when_ready: Callable[[], None]) -> int:
    """Run a machine until quit or a signal.

    Args:
        options: What the command line asked for.
        say: Shows a line on standard error.
        when_ready: Called when all monitors are open.

    Returns:
        The exit status.

    Raises:
        StartError: If a monitor can't be opened, or the event loop isn't there.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, say, when_ready))
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    wanted = os.environ.get("QMPEER_LOOP", "")
    if wanted not in ("", "asyncio", "uvloop"):
        raise StartError("QMPEER_LOOP", wanted, "expected asyncio or uvloop")
    if wanted == "asyncio":
        return asyncio.new_event_loop
    if wanted == "uvloop" and find_spec("uvloop") is None:
        raise StartError("QMPEER_LOOP", wanted, "uvloop is not installed")
    return new_event_loop


async def _serve(options: Options, say: Say, when_ready: Callable[[], None]) -> None:
    machine = Machine(options)
    monitor = machine.monitor
    _take_signals(machine, say)
    closed = asyncio.create_task(monitor.wait_closed())
    try:
        for description in options.monitors:
            await _open(description, monitor, machine, options, say)
        if not machine.is_shutting_down:
            machine.start()
            when_ready()
        await closed
    finally:
        closed.cancel()
        for device in machine.devices:
            device.close()
        machine.close()


def _take_signals(machine: Machine, say: Say) -> None:
    def end(number: int) -> None:
        say(f"terminating on signal {number}")
        machine.shut_down("host-signal")

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end, number)


async def _open(
    description: CompatMonitor, monitor: Monitor, machine: Machine, options: Options, say: Say
) -> None:
    """Open the device of one monitor, and wait for its client if that was asked for."""
    if machine.is_shutting_down:
        return
    factory = monitor.connection_factory(pretty=description.is_pretty)
    device = MonitorDevice(description, factory, machine.clients_changed)
    machine.devices.append(device)
    try:
        if description.kind == "stdio":
            await open_stdio_stream(device.connect)
        elif description.is_server:
            await _listen(device, is_insecure=options.is_insecure)
        else:
            await _connect(device)
    except (OSError, ValueError) as error:
        reason = _reason(description, error)
        raise StartError(description.option, description.argument, reason) from error
    if description.is_waiting:
        where = f"{description.option} {description.argument}"
        say(f"{where}: info: QEMU waiting for connection on: {device.filename}")
        await device.wait_for_client()


async def _listen(device: MonitorDevice, *, is_insecure: bool) -> None:
    device.listener = await start_listening(
        device.description.target, device.connect, insecure=is_insecure
    )
    device.end = _host_port(device.listener.address)


async def _connect(device: MonitorDevice) -> None:
    target = device.description.target
    sock = dial(target, timeout=None)
    device.other_end = _host_port(target)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        host, port, *_ = sock.getsockname()
        device.end = _host_port(Address(scheme="tcp", host=host, port=port))
    await open_stream(sock, device.connect, timeout=None)


def _host_port(address: Address) -> str:
    return str(address).removeprefix("tcp:")


def _reason(description: CompatMonitor, error: OSError | ValueError) -> str:
    """Say why a device can't be opened, in QEMU's words."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    why = error.strerror or str(error)
    where = f"{description.host}:{description.port}"
    if isinstance(error, socket.gaierror):
        return f"address resolution failed for {where}: {why}"
    if not description.is_server:
        where = description.path if description.kind == "unix" else where
        return f"Failed to connect to '{where}': {why}"
    if description.kind == "unix":
        return f"Failed to bind socket to {description.path}: {why}"
    if error.errno == errno.EADDRINUSE:
        return f"Failed to find an available port: {why}"
    return f"Failed to bind socket: {why}"
