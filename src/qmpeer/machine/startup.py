"""The start of the machine, in QEMU's order: objects, devices, monitors, ports.

Spec: QEMU 7.2: whatever is wrong ends the start at once. A server with ``wait=on`` keeps back all
that comes behind it until a client is there.
"""

import fcntl
import os

from qmpeer.chardev import Chardev, Description, parse_device
from qmpeer.errors import ChardevError, CommandError
from qmpeer.machine.machine import Machine, Say
from qmpeer.machine.monitor_options import MonitorOption
from qmpeer.machine.options import ChardevOption, FdOption, Options, PortOption
from qmpeer.machine.start_error import StartError, StartHelp, notice


async def open_all(machine: Machine, options: Options, say: Say) -> None:
    """Make all objects, devices and monitors.

    Args:
        machine: Whose they are.
        options: What the command line asked for.
        say: Shows a text on standard error.

    Raises:
        StartError: If one can't be had.
        StartHelp: If an option asks for a text.
    """
    for inherited in options.fds:
        _adopt(machine, inherited)
    for fd in {inherited.fd for inherited in options.fds}:
        os.close(fd)
    for object in options.objects:
        try:
            machine.objects.add(object.properties)
        except ChardevError as error:
            raise StartError.of("", None, error) from error  # QEMU doesn't say which option
    for chardev in options.chardevs:
        await _open_chardev(machine, chardev, say)
        if machine.is_shutting_down:  # a signal came while a client was awaited
            return
    for monitor in options.monitors:
        _open_monitor(machine, monitor)
    for kind in ("serial", "parallel"):
        ports = [port for port in options.ports if port.kind == kind]
        for number, port in enumerate(ports):
            await _open_port(machine, port, f"{kind}{number}", say)


def _adopt(machine: Machine, inherited: FdOption) -> None:
    """Put an inherited descriptor into a set. Spec: QEMU keeps a copy and closes the original."""
    try:
        copy = fcntl.fcntl(inherited.fd, fcntl.F_DUPFD_CLOEXEC, 0)
        machine.descriptors.add_to_set(inherited.set_id, inherited.opaque, [copy])
    except OSError as error:
        reason = f"error duplicating fd: {error.strerror}"
        raise StartError(inherited.option, inherited.argument, reason) from error
    except CommandError as error:
        raise StartError(inherited.option, inherited.argument, error.desc) from error


async def _open_chardev(machine: Machine, chardev: ChardevOption, say: Say) -> None:
    if chardev.description.help:
        raise StartHelp(chardev.description.help)
    try:
        await _make(machine, chardev, chardev.description, say)
    except ChardevError as error:
        raise StartError.of(chardev.option, chardev.argument, error) from error


async def _make(
    machine: Machine,
    source: ChardevOption | PortOption,
    description: Description,
    say: Say,
) -> Chardev:
    """Make and open a device, and wait for its client if that was asked for."""
    device = await machine.chardevs.add_described(description)
    base = machine.chardevs.get(f"{device.label}-base") if description.is_mux else None
    base = base or device
    if base.waits_for_client:
        text = f"info: QEMU waiting for connection on: {base.filename}"
        say(notice(source.option, source.argument, text))
        await base.wait_for_client()
    return device


def _open_monitor(machine: Machine, monitor: MonitorOption) -> None:
    try:
        label, mode, is_pretty = monitor.checked()
        device = machine.chardevs.required(label)
        if is_pretty and mode == "readline":
            raise ChardevError("'pretty' is not compatible with HMP monitors")
        machine.monitor.attach(device, pretty=is_pretty, human=mode == "readline")
    except ChardevError as error:
        raise StartError.of(monitor.option, monitor.argument, error) from error
    if mode == "control":
        machine.add_control_device(device)


async def _open_port(machine: Machine, port: PortOption, label: str, say: Say) -> None:
    """Make the device of a port, which has a human monitor on it if it is shared.

    Spec: QEMU looks at these options last of all. [The port itself has no guest behind it.]
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
        device = await _make(machine, port, description, say)
        if description.is_mux:
            machine.monitor.attach(device, human=True)
    except ChardevError as error:
        last = f"could not connect {port.kind} device to character backend '{port.argument}'"
        first = f"{error.reason}\n{error.hint}" if error.hint else error.reason
        earlier = (*error.earlier, first)
        if first.startswith("parse error: "):  # which is the last word of -qmp and its kin
            earlier = error.earlier
        if port.argument.startswith("chardev:"):
            earlier = ()
        raise StartError(port.option, port.argument, last, earlier=earlier) from error
