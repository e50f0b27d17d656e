"""The server of QMP in a fake QEMU: the built-in machine, a recording, or a script."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from qmpeer.errors import TranscriptError
from qmpeer.fake_qemu.process_script import TABLES
from qmpeer.fake_qemu.start import Started
from qmpeer.monitor import Monitor
from qmpeer.options import StartError
from qmpeer.transport.aio import HandlerFactory
from qmpeer.values import JsonObject

Wrap = Callable[[HandlerFactory], HandlerFactory]


class Answering(Protocol):
    """The server of QMP in one start.

    Attributes:
        is_machine: True if it is the built-in machine.
        faults: The faults that it brings for its clients' connections.
    """

    is_machine: bool
    faults: tuple[str, ...]

    def monitor(self, wrap: Wrap | None) -> Monitor | None:
        """Return the monitor that is open on the control devices; None for the machine's own.

        Args:
            wrap: Puts something between each stream and its handler.
        """

    def begin(self) -> None:
        """Begin to count time."""

    def mismatches(self) -> Sequence[str]:
        """Return how the conversations differ from the script or the recording."""


def answering_for(started: Started, report: Callable[[str], None]) -> Answering:
    """Return the server of QMP for a start.

    Raises:
        StartError: If a recording can't be read or replayed.
        ScriptError: If the script is wrong.
    """
    replay = started.settings.replay or started.script.replay
    conversation = None
    for rule in started.rules:
        replay = rule.replay or replay
        conversation = rule.conversation or conversation
    if replay:
        return RecordedAnswers(replay, conversation, report)
    if started.script.has_monitor:
        return ScriptedAnswers(started.settings.script)
    return BuiltInMachine()


class BuiltInMachine:
    """The built-in machine."""

    is_machine: bool = True
    faults: tuple[str, ...] = ()

    def monitor(self, wrap: Wrap | None) -> Monitor | None:
        """Return None: the machine has a monitor of its own."""
        return None

    def begin(self) -> None:
        """Do nothing: the machine is started besides."""

    def mismatches(self) -> Sequence[str]:
        """Return nothing: a machine expects nothing."""
        return ()


class ScriptedAnswers:
    """The monitor's part of a script. If it has no rule for quit, quit is answered as QEMU does.

    Args:
        path: The script.
    """

    is_machine: bool = False

    def __init__(self, path: str) -> None:
        from qmpeer.script.toml_script import load_script  # start: 40 ms

        self._script: Final = load_script(path, besides=TABLES)
        data: JsonObject = {"guest": False, "reason": "host-qmp-quit"}
        self._script.script.on("quit").event("SHUTDOWN", data).reply({}).any_times()
        self.faults: tuple[str, ...] = tuple(map(str, self._script.faults))

    def monitor(self, wrap: Wrap | None) -> Monitor | None:
        """Return a monitor whose backend is the script."""
        return Monitor(backend=self._script.backend, wrap=wrap, linger=0)

    def begin(self) -> None:
        """Begin the script: from now on its times count."""
        self._script.backend.begin()

    def mismatches(self) -> Sequence[str]:
        """Return what was asked and not expected, or expected and not asked."""
        return [str(each) for each in self._script.script.outcome()]


class RecordedAnswers:
    """A recorded conversation.

    Args:
        path: The recording.
        conversation: The number of the only conversation to play, or None.
        report: Shows a text on standard error.
    """

    is_machine: bool = False
    faults: tuple[str, ...] = ()

    def __init__(self, path: str, conversation: int | None, report: Callable[[str], None]) -> None:
        from qmpeer.replay import Replay  # start: 25 ms

        try:
            self._replay: Final = Replay.load(
                path, conversation=conversation, on_miss=lambda miss: report(str(miss))
            )
        except (TranscriptError, ValueError) as error:
            raise StartError("", None, str(error)) from error

    def monitor(self, wrap: Wrap | None) -> Monitor | None:
        """Return a monitor whose backend is the recording."""
        return Monitor(backend=self._replay, wrap=wrap)

    def begin(self) -> None:
        """Do nothing: a recording's time begins with its client."""

    def mismatches(self) -> Sequence[str]:
        """Return what was asked in vain."""
        report = self._replay.report
        return [str(miss) for miss in (*report.asked_in_vain, *report.out_of_order)]
