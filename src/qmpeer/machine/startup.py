"""The start of the machine, in QEMU's order: objects, devices, monitors, ports.

Spec: QEMU 7.2: the first error ends the start. A server with ``wait=on`` delays everything after it
until a client has connected.
"""

import fcntl
import os

from qmpeer.chardev import Chardev, Description, parse_device
from qmpeer.errors import ChardevError, CommandError
from qmpeer.machine.machine import Machine, ShowText
from qmpeer.machine.monitor_options import HUMAN, MonitorOption
from qmpeer.machine.options import ChardevOption, FdOption, Options, PortOption
from qmpeer.machine.start_error import StartError, StartHelp, notice


async def open_all(machine: Machine, options: Options, report: ShowText) -> None:
    """Create all objects, devices and monitors of a command line.

    Args:
        machine: The machine to add them to.
        options: The parsed command line.
        report: Shows a text on standard error.

    Raises:
        StartError: If one can't be created.
        StartHelp: If an option asks for help.
    """
    for inherited in options.fds:
        _adopt(machine, inherited)
    # Closed only now: two -add-fd may name the same descriptor.
    for fd in {inherited.fd for inherited in options.fds}:
        os.close(fd)
    _add_objects(machine, options, are_monitors=False)
    for chardev in options.chardevs:
        await _open_chardev(machine, chardev, report)
        if machine.is_shutting_down:  # a signal ended the wait for a client
            return
    _add_objects(machine, options, are_monitors=True)
    for monitor in options.monitors:
        _open_monitor(machine, monitor)
    for kind in ("serial", "parallel"):
        ports = [port for port in options.ports if port.kind == kind]
        for number, port in enumerate(ports):
            await _open_port(machine, port, f"{kind}{number}", report)


def _add_objects(machine: Machine, options: Options, *, are_monitors: bool) -> None:
    """Create the objects that are monitors, which need their devices, or all others."""
    for option in options.objects:
        if (option.properties["qom-type"] in machine.monitors.types) is are_monitors:
            try:
                machine.objects.add(option.properties)
            except ChardevError as error:
                raise StartError.of("", None, error) from error  # QEMU doesn't name the option


def _adopt(machine: Machine, inherited: FdOption) -> None:
    """Put a copy of an inherited descriptor into a set, as QEMU does; it closes the originals."""
    try:
        copy = fcntl.fcntl(inherited.fd, fcntl.F_DUPFD_CLOEXEC, 0)
        machine.descriptors.add_to_set(inherited.set_id, inherited.opaque, [copy])
    except OSError as error:
        reason = f"error duplicating fd: {error.strerror}"
        raise StartError(inherited.option, inherited.argument, reason) from error
    except CommandError as error:
        raise StartError(inherited.option, inherited.argument, error.desc) from error


async def _open_chardev(machine: Machine, chardev: ChardevOption, report: ShowText) -> None:
    if chardev.description.help:
        raise StartHelp(chardev.description.help)
    try:
        await _make(machine, chardev, chardev.description, report)
    except ChardevError as error:
        raise StartError.of(chardev.option, chardev.argument, error) from error


async def _make(
    machine: Machine,
    source: ChardevOption | PortOption,
    description: Description,
    report: ShowText,
) -> Chardev:
    """Create and open a device; with ``wait=on``, wait for its client."""
    device = await machine.chardevs.add_described(description)
    base = machine.chardevs.get(f"{device.label}-base") if description.is_mux else None
    base = base or device
    if base.waits_for_client:
        text = f"info: QEMU waiting for connection on: {base.filename}"
        report(notice(source.option, source.argument, text))
        await base.wait_for_client()
    return device


def _open_monitor(machine: Machine, monitor: MonitorOption) -> None:
    """Open the monitor of an option that is short for an object, where there are such objects."""
    try:
        properties = monitor.properties()
        if machine.has_monitor_objects:
            machine.objects.add({**properties, "id": monitor.id})
        else:
            machine.monitors.open(properties)
    except ChardevError as error:
        raise StartError.of(monitor.option, monitor.argument, error) from error


async def _open_port(machine: Machine, port: PortOption, label: str, report: ShowText) -> None:
    """Create the device of a port, and a human monitor on it if the device is shared (``mon:``).

    Spec: QEMU parses these options last of all. [No guest is connected to the port.]
    """
    if port.argument == "none":
        return
    try:
        taken = [device.label for device in machine.chardevs]
        description = parse_device(port.argument, label, taken=taken)
        if description.is_reference:
            if description.label not in machine.chardevs:
                raise ChardevError("parse error: ")
            return
        device = await _make(machine, port, description, report)
        if description.is_mux:
            machine.monitors.open({"qom-type": HUMAN, "chardev": device.label})
    except ChardevError as error:
        last = f"could not connect {port.kind} device to character backend '{port.argument}'"
        first = f"{error.reason}\n{error.hint}" if error.hint else error.reason
        earlier = (*error.earlier, first)
        # QEMU shows the parser's text for -qmp, -qmp-pretty and -monitor, but not for ports.
        if first.startswith("parse error: "):
            earlier = error.earlier
        if port.argument.startswith("chardev:"):
            earlier = ()
        raise StartError(port.option, port.argument, last, earlier=earlier) from error
