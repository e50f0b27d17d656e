"""The run of a program with monitors, and of what accompanies it, on one event loop.

The order of things: the control socket and the monitors open; the address is printed; the command
starts; the program ends, by itself, by a signal, with the command or with standard input; the
command ends; the control socket closes, and the folder of the program's own sockets goes.
"""

import asyncio
import os
import select
import threading
from collections.abc import Callable
from typing import Protocol

from qmpeer.options.child_command import ChildCommand
from qmpeer.options.companion_options import AUTO
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.listening_places import Places, places_of
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.service_manager import SERVING, notify
from qmpeer.options.shared_options import open_monitor_on
from qmpeer.options.signals import OnSignal
from qmpeer.options.start_error import StartError
from qmpeer.transport import AddressLike
from qmpeer.transport.aio import Listener
from qmpeer.transport.short_folder import ShortFolder
from qmpeer.wire import encode_line


class ControlSocket(Protocol):
    """The control socket of a program, which --control opens: a monitor with its own commands."""

    async def listen(self, address: AddressLike, *, insecure: bool) -> Listener:
        """Listen for clients.

        Args:
            address: The address.
            insecure: Allow a TCP port that is open to the network.

        Raises:
            OSError: If the address can't be bound.
            ValueError: If it isn't an address.
        """

    async def close(self) -> None:
        """Finish the replies, and close."""


class Program(Protocol):
    """A program with monitors, which runs on one event loop until it ends or is ended."""

    @property
    def devices(self) -> Devices:
        """The devices on which its monitors are."""

    @property
    def control(self) -> ControlSocket | None:
        """Its control socket, not open yet; None if its options don't ask for one."""

    async def open(self) -> None:
        """Open all monitors, which may wait for clients.

        Raises:
            StartError: If one can't be opened.
            StartHelp: If an option asks for help.
        """

    async def wait_ended(self) -> None:
        """Wait for the end of the program."""

    def end_by_signal(self) -> None:
        """Begin to end the program."""

    def close(self) -> None:
        """Close what is still open."""


async def run_program(
    program: Program,
    options: ProgramOptions,
    report: ShowText,
    when_ready: Callable[[], None],
    call_on_signal: CallOnSignal,
) -> int:
    """Run a program until it ends or a signal ends it, on the running loop.

    Args:
        program: The program.
        options: The parsed command line.
        report: Shows a text on standard error.
        when_ready: Called when all monitors are open.
        call_on_signal: Registers the function that ends it.

    Returns:
        The exit status: that of the command behind ``--``, otherwise 0.

    Raises:
        StartError: If a monitor can't be opened, or the command can't be run.
        StartHelp: If an option asks for help.
    """
    with ShortFolder() as folder:
        return await _Run(program, options, report, folder).run(when_ready, call_on_signal)


class _Run:
    """One run of a program."""

    def __init__(
        self, program: Program, options: ProgramOptions, report: ShowText, folder: ShortFolder
    ) -> None:
        self._program = program
        self._options = options
        self._report = report
        self._folder = folder
        self._control_address: str | None = None
        self._loop = asyncio.get_running_loop()
        self._command: ChildCommand | None = None
        if options.command:
            self._command = ChildCommand(options.command, program.end_by_signal)
        if options.makes_socket:
            path = _escaped(folder.path("qmp"))
            open_monitor_on("control")(options, "", f"unix:{path},server=on,wait=off")

    async def run(self, when_ready: Callable[[], None], call_on_signal: CallOnSignal) -> int:
        """Run to the end; return the exit status."""
        call_on_signal(self._from_thread(self._signal))
        program, command = self._program, self._command
        control = await self._open_control()
        # Opening may wait for clients (wait=on); meanwhile a signal must be able to end it.
        ended = asyncio.create_task(program.wait_ended())
        opening = asyncio.create_task(program.open())
        try:
            await asyncio.wait((ended, opening), return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
                if not program.devices.chardevs.are_closed:
                    self._begin(when_ready)
            await ended
            notify("STOPPING=1", "STATUS=ending")
            return 0 if command is None or not command.is_started else await command.wait()
        finally:
            ended.cancel()
            opening.cancel()
            program.close()
            if command is not None:
                command.kill()
            if control is not None:
                await control.close()

    async def _open_control(self) -> ControlSocket | None:
        """Open the control socket, before the first client can come."""
        address, control = self._options.control, self._program.control
        if address is None or control is None:
            return None
        if address == AUTO:
            address = f"unix:{self._folder.path('control')}"
        try:
            listener = await control.listen(address, insecure=self._options.is_insecure)
        except OSError as error:
            reason = f"can't listen there: {error.strerror or error}"
            raise StartError("--control", address, reason) from error
        self._control_address = str(listener.address)
        return control

    def _begin(self, when_ready: Callable[[], None]) -> None:
        """Let others know that everything listens."""
        options = self._options
        if options.prints_address or self._command is not None:
            places = self._places()
            if options.prints_address:
                show_line(encode_line(places.to_json()).decode().rstrip())
            if self._command is not None:
                self._command.start(places.environment())
        when_ready()
        notify("READY=1", SERVING)
        if options.ends_with_input:
            end = self._from_thread(lambda number, sender: self._program.end_by_signal())
            threading.Thread(target=_read_to_end, args=(end,), name="input", daemon=True).start()

    def _places(self) -> Places:
        chardevs = self._program.devices.chardevs
        labels = self._options.control_labels
        devices = [chardevs.get(f"{label}-base") or chardevs.get(label) for label in labels]
        places = places_of(
            [device for device in devices if device is not None],
            self._control_address,
            self._options.places,
        )
        if places is None:
            option = "--print-address" if self._options.prints_address else "--"
            reason = "no QMP monitor listens at an address, expected one, such as -qmp unix:PATH"
            raise StartError(option, None, f"{reason},server=on,wait=off")
        return places

    def _signal(self, number: int, sender: str) -> None:
        """End the program by a signal, or let the command decide that."""
        if self._command is not None and self._command.is_running:
            self._command.forward(number, sender)
            return
        self._report(f"terminating on signal {number}{sender}")
        self._program.end_by_signal()

    def _from_thread(self, call: OnSignal) -> OnSignal:
        """Return a function that any thread may call, and that calls another one in the loop's."""

        def call_from_thread(number: int, sender: str) -> None:
            try:
                self._loop.call_soon_threadsafe(call, number, sender)
            except RuntimeError:  # the loop is closed: the program has already ended
                pass

        return call_from_thread


def _read_to_end(end: OnSignal) -> None:
    """Read standard input to its end, in a thread, and discard what comes."""
    try:
        is_over = False
        while not is_over:
            select.select([0], [], [])  # for those who made it non-blocking
            try:
                is_over = not os.read(0, 65536)
            except BlockingIOError:
                pass  # somebody else has read what was there
    except OSError:
        pass  # it is closed, or broken: that is its end, too
    end(0, "")


def _escaped(path: str) -> str:
    """Return a path as a value in QEMU's options, where a comma ends one."""
    return path.replace(",", ",,")
