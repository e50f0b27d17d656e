"""The start of the machine, in QEMU's order: objects, devices, monitors, ports."""

from qmpeer.chardev import parse_device
from qmpeer.errors import ChardevError
from qmpeer.machine.machine import Machine
from qmpeer.machine.options import Options, PortOption
from qmpeer.options.devices import ShowText
from qmpeer.options.monitor_options import HUMAN
from qmpeer.options.start_error import StartError
from qmpeer.options.startup import open_device, open_monitors


async def open_all(machine: Machine, options: Options, report: ShowText) -> None:
    """Create all objects, devices, monitors and ports of a command line.

    Args:
        machine: The machine to add them to.
        options: The parsed command line.
        report: Shows a text on standard error.

    Raises:
        StartError: If one can't be created.
        StartHelp: If an option asks for help.
    """
    await open_monitors(machine.devices, machine.monitors, options, report)
    if machine.is_shutting_down:  # a signal ended the wait for a client
        return
    for kind in ("serial", "parallel"):
        ports = [port for port in options.ports if port.kind == kind]
        for number, port in enumerate(ports):
            await _open_port(machine, port, f"{kind}{number}", report)


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
        device = await open_device(machine.chardevs, port, description, report)
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
