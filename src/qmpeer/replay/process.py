"""The process of ``qmpeer replay``, from reading the recordings to the report."""

from collections.abc import Callable

from qmpeer.errors import TranscriptError
from qmpeer.options import StartError
from qmpeer.options.backend_program import BackendProgram
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import ShowText
from qmpeer.options.process import CallOnSignal
from qmpeer.options.running import run_program
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
    program = BackendProgram(options, replay, _ControlledReplay(replay), report)
    return await run_program(program, options, report, when_ready, call_on_signal)


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
