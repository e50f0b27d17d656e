"""The start of a program with monitors, in QEMU's order: objects, devices, monitors.

Spec: QEMU 7.2: the first error ends the start. A server with ``wait=on`` delays everything after it
until a client has connected.
"""

import fcntl
import os
from typing import Protocol

from qmpeer.chardev import Chardev, Chardevs, Description
from qmpeer.errors import ChardevError, CommandError
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.monitor_options import MonitorOption
from qmpeer.options.objects import ObjectMaker
from qmpeer.options.program_options import ChardevOption, FdOption, ProgramOptions, SpelledOption
from qmpeer.options.start_error import StartError, StartHelp, notice
from qmpeer.values import JsonObject


class MonitorMaker(ObjectMaker, Protocol):
    """The maker of a program's monitors, which may be objects."""

    def open(self, properties: JsonObject) -> None:
        """Open a monitor that is no object.

        Args:
            properties: Those of an object ``monitor-qmp`` or ``monitor-hmp``, without the id.

        Raises:
            ChardevError: If its device doesn't exist or has another front end, or if the program
                has no such monitor.
        """


async def open_monitors(
    devices: Devices, monitors: MonitorMaker, options: ProgramOptions, report: ShowText
) -> None:
    """Create all objects, devices and monitors of a command line.

    It ends early if the devices are closed while it waits for a client.

    Args:
        devices: The devices to add to; their objects know the maker of monitors.
        monitors: Opens the monitors.
        options: The parsed command line.
        report: Shows a text on standard error.

    Raises:
        StartError: If one can't be created.
        StartHelp: If an option asks for help.
    """
    for inherited in options.fds:
        _adopt(devices, inherited)
    # Closed only now: two -add-fd may name the same descriptor.
    for fd in {inherited.fd for inherited in options.fds}:
        os.close(fd)
    _add_objects(devices, monitors, options, are_monitors=False)
    for chardev in options.chardevs:
        await _open_chardev(devices.chardevs, chardev, report)
        if devices.chardevs.are_closed:  # a signal ended the wait for a client
            return
    _add_objects(devices, monitors, options, are_monitors=True)
    for monitor in options.monitors:
        _open_monitor(devices, monitors, monitor, is_object=options.has_monitor_objects)


def _add_objects(
    devices: Devices, monitors: MonitorMaker, options: ProgramOptions, *, are_monitors: bool
) -> None:
    """Create the objects that are monitors, which need their devices, or all others."""
    for option in options.objects:
        if (option.properties["qom-type"] in monitors.types) is are_monitors:
            try:
                devices.objects.add(option.properties)
            except ChardevError as error:
                raise StartError.of("", None, error) from error  # QEMU doesn't name the option


def _adopt(devices: Devices, inherited: FdOption) -> None:
    """Put a copy of an inherited descriptor into a set, as QEMU does; it closes the originals."""
    try:
        copy = fcntl.fcntl(inherited.fd, fcntl.F_DUPFD_CLOEXEC, 0)
        devices.descriptors.add_to_set(inherited.set_id, inherited.opaque, [copy])
    except OSError as error:
        reason = f"error duplicating fd: {error.strerror}"
        raise StartError(inherited.option, inherited.argument, reason) from error
    except CommandError as error:
        raise StartError(inherited.option, inherited.argument, error.desc) from error


async def _open_chardev(chardevs: Chardevs, chardev: ChardevOption, report: ShowText) -> None:
    if chardev.description.help:
        raise StartHelp(chardev.description.help)
    try:
        await open_device(chardevs, chardev, chardev.description, report)
    except ChardevError as error:
        raise StartError.of(chardev.option, chardev.argument, error) from error


async def open_device(
    chardevs: Chardevs, source: SpelledOption, description: Description, report: ShowText
) -> Chardev:
    """Create and open the device of an option; with ``wait=on``, wait for its client.

    Raises:
        ChardevError: If it can't be opened.
    """
    device = await chardevs.add_described(description)
    base = chardevs.get(f"{device.label}-base") if description.is_mux else None
    base = base or device
    if base.waits_for_client:
        text = f"info: QEMU waiting for connection on: {base.filename}"
        report(notice(source.option, source.argument, text))
        await base.wait_for_client()
    return device


def _open_monitor(
    devices: Devices, monitors: MonitorMaker, monitor: MonitorOption, *, is_object: bool
) -> None:
    """Open the monitor of an option that is short for an object, where there are such objects."""
    try:
        properties = monitor.properties()
        if is_object:
            devices.objects.add({**properties, "id": monitor.id})
        else:
            monitors.open(properties)
    except ChardevError as error:
        raise StartError.of(monitor.option, monitor.argument, error) from error
