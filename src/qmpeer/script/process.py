"""The process of ``qmpeer fake``, from reading the script to its end."""

from collections.abc import Callable

from qmpeer.errors import CommandError, ScriptError
from qmpeer.faults import Faults
from qmpeer.messages import near_names
from qmpeer.options import StartError
from qmpeer.options.backend_program import BackendProgram
from qmpeer.options.controlled import Controlled
from qmpeer.options.devices import ShowText
from qmpeer.options.process import CallOnSignal
from qmpeer.options.running import run_program
from qmpeer.script.options import FakeOptions
from qmpeer.script.report import ScriptReport
from qmpeer.script.toml_script import TomlScript, load_script
from qmpeer.values import JsonObject


def load_fake(options: FakeOptions) -> TomlScript:
    """Return the script of a command line, and add its faults to those of the options.

    Raises:
        StartError: If the script can't be read or used.
    """
    try:
        loaded = load_script(options.file)
        if loaded.faults:
            options.faults = Faults([*loaded.faults, *(options.faults or ())])
    except (ScriptError, ModuleNotFoundError) as error:
        raise StartError("", None, str(error)) from error
    except OSError as error:
        raise StartError("", None, f"{options.file}: {error.strerror}") from error
    if loaded.seed is not None and not options.has_seed:
        options.seed = loaded.seed
    return loaded


async def run_fake(
    options: FakeOptions,
    loaded: TomlScript,
    report: ShowText,
    when_ready: Callable[[], None],
    call_on_signal: CallOnSignal,
) -> int:
    """Follow a script until a signal, on the running loop.

    Args:
        options: The parsed command line.
        loaded: The script.
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
    program = _Faking(options, loaded, report)
    try:
        return await run_program(program, options, report, when_ready, call_on_signal)
    finally:
        loaded.backend.close()


class _Faking(BackendProgram):
    """The fake as a program: its script begins once the monitors are open."""

    def __init__(self, options: FakeOptions, loaded: TomlScript, report: ShowText) -> None:
        self._script = loaded.backend
        observe = self._script.conversation.wrap
        super().__init__(options, self._script, _ControlledFake(options, loaded), report, observe)

    async def open(self) -> None:
        """Open all monitors, and begin the script."""
        await super().open()
        if not self.devices.chardevs.are_closed:
            self._script.begin()

    def end_by_signal(self) -> None:
        """Begin to end: commands in flight get no reply."""
        self._script.disconnect()
        super().end_by_signal()


class _ControlledFake(Controlled):
    """The fake as its control socket sees it."""

    def __init__(self, options: FakeOptions, loaded: TomlScript) -> None:
        super().__init__("qmpeer fake")
        self._options = options
        self._script = loaded.script
        self._backend = loaded.backend

    def report(self) -> JsonObject:
        """Return the report so far."""
        return ScriptReport.of(self._script, waived=self._options.waived).to_json()

    def set_state(self, name: str) -> None:
        """Enter a state that the script names."""
        known = self._script.state_names
        if name not in known:
            near = near_names(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            desc = f"found no state {name!r} in the script, expected {', '.join(sorted(known))}"
            raise CommandError("GenericError", desc + hint)
        self._backend.goto(name)

    def send_event(self, name: str, data: JsonObject | None) -> None:
        """Send an event to all clients that have negotiated."""
        try:
            self._backend.emit(name, data)
        except ScriptError as error:  # the schema has no such event
            raise CommandError("GenericError", error.reason) from error

    def reset(self) -> None:
        """Begin the script anew."""
        self._backend.reset()
