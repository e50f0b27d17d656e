"""The process of ``qmpeer replay``, from reading the recordings to the report."""

import asyncio
from collections.abc import Callable

from qmpeer.chardev import Chardev
from qmpeer.errors import TranscriptError
from qmpeer.monitor import Monitor
from qmpeer.options import Disturbance, StartError
from qmpeer.options.control_monitors import ControlMonitors
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import Devices, ShowText
from qmpeer.options.process import CallOnSignal, show_line
from qmpeer.options.running import run_program
from qmpeer.options.startup import open_monitors
from qmpeer.replay.options import ReplayOptions
from qmpeer.replay.replay import Replay
from qmpeer.values import JsonObject


def load_replay(options: ReplayOptions, report: ShowText) -> Replay:
    """Return the replay that a command line describes.

    Raises:
        StartError: If a recording can't be read or replayed.
    """
    try:
        return Replay.load(
            *options.files,
            order=options.order,
            strict=options.is_strict,
            conversation=options.conversation,
            delays=options.delays,
            timestamps=options.timestamps,
            on_miss=lambda miss: report(str(miss)),
            server=options.server,
            add=options.adds,
        )
    except (TranscriptError, ValueError) as error:
        raise StartError("", None, str(error)) from error
    except OSError as error:
        raise StartError("", None, f"{error.filename}: {error.strerror}") from error


async def run_replay(
    options: ReplayOptions,
    replay: Replay,
    report: ShowText,
    when_ready: Callable[[], None],
    call_on_signal: CallOnSignal,
) -> int:
    """Replay recordings until a signal, on the running loop.

    Args:
        options: The parsed command line.
        replay: The replay.
        report: Shows a text on standard error.
        when_ready: Called when all monitors are open.
        call_on_signal: Registers a function, which is called from any thread when a signal is to
            end the program.

    Returns:
        The exit status.

    Raises:
        StartError: If a monitor can't be opened.
        StartHelp: If an option asks for help.
    """
    program = _Replaying(options, replay, report)
    return await run_program(program, options, report, when_ready, call_on_signal)


class _Replaying:
    """The replay as a program: the steps from its start to its end."""

    def __init__(
        self,
        options: ReplayOptions,
        replay: Replay,
        report: ShowText,
    ) -> None:
        self._options = options
        self._report = report
        self.disturbance: Disturbance = Disturbance(options, report)
        self._monitor = Monitor(backend=replay, wrap=self.disturbance.wrap)
        self.devices: Devices = Devices(options, show_line, report, self.end_by_signal)
        self._monitors = ControlMonitors(self.devices.chardevs, self._attach)
        self.devices.objects.add_maker(self._monitors)
        self.controlled: Controlled = _ControlledReplay(replay)

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


class _ControlledReplay(Controlled):
    """The replay as its control socket sees it."""

    def __init__(self, replay: Replay) -> None:
        super().__init__("qmpeer replay")
        self._replay = replay

    def report(self) -> JsonObject:
        """Return the report so far."""
        return self._replay.report.to_json()

    def send_event(self, name: str, data: JsonObject | None) -> None:
        """Send an event to all clients that have negotiated."""
        self._replay.send_event(name, data)

    def reset(self) -> None:
        """Give the next client the first conversation, and begin the report anew."""
        self._replay.reset()
