"""The options that inject faults, for programs whose clients may get some."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from qmpeer.options.command_line import ReadArgument, Warn
from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.start_error import StartError
from qmpeer.transport.aio import HandlerFactory

if TYPE_CHECKING:
    from qmpeer.faults import Fault, Faults, Injector
    from qmpeer.options.control import Control
    from qmpeer.options.controlled import Controlled

FAULTS_USAGE: Final = """\
faults:
  --fault TEXT        inject a fault, such as 'cut after=migrate byte=3'; may be repeated
  --faults FILE       inject the faults of a file, one a line
  --seed N            the seed of all chance in faults; default 0
"""
PROCESS_USAGE: Final = """\
  --server-pid PID|FILE
                      the process that the faults sigstop, sigkill and exit are about: its id, or
                      its file of -pidfile
"""
_PROCESS_FAULTS: Final = ("sigstop", "sigkill", "exit")


def _fault(options: ProgramOptions, option: str, argument: str) -> None:
    _plan(options).add(argument)


def _faults(options: ProgramOptions, option: str, argument: str) -> None:
    from qmpeer.faults import Faults  # start: 20 ms

    try:
        faults = Faults.read(argument)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from error
    for fault in faults:
        _plan(options).add(fault)


def _plan(options: ProgramOptions) -> "Faults":
    from qmpeer.faults import Faults  # start: 20 ms

    if options.faults is None:
        options.faults = Faults()
    return options.faults


def _seed(options: ProgramOptions, option: str, argument: str) -> None:
    if not (argument.isascii() and argument.isdigit()) or len(argument) > 18:
        raise ValueError("expected a whole number from 0")
    options.seed = int(argument)


def _server_pid(options: ProgramOptions, option: str, argument: str) -> None:
    options.server_pid = argument


FAULT_OPTIONS: Final[Mapping[str, ReadArgument[ProgramOptions]]] = {
    "fault": _fault,
    "faults": _faults,
    "seed": _seed,
}
PROCESS_OPTIONS: Final[Mapping[str, ReadArgument[ProgramOptions]]] = {"server-pid": _server_pid}


def check_process(options: ProgramOptions) -> None:
    """Refuse faults of the server's process in a program that doesn't know it.

    Raises:
        StartError: If there is one, and no --server-pid.
    """
    for fault in options.faults or ():
        if (reason := lacks_process(fault, options)) is not None:
            raise StartError("--fault", str(fault), reason)


def lacks_process(fault: "Fault", options: ProgramOptions) -> str | None:
    """Return why a fault of the server's process can't be in a program; None if it can."""
    if fault.word in _PROCESS_FAULTS and options.server_pid is None:
        return "expected --server-pid, the server's process"
    return None


class Disturbance:
    """The faults of a program's options, and of its control socket. Each that happens is shown.

    The program waits for `late` seconds before it opens its devices.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.

    Attributes:
        late: Seconds.
        wrap: Puts the faults in front of the handler of a client's stream; None if there are none.
        injector: Makes them happen; None if there are none.
    """

    def __init__(self, options: ProgramOptions, report: Warn) -> None:
        self.late: float = 0.0
        self.wrap: Callable[[HandlerFactory], HandlerFactory] | None = None
        self.injector: Injector | None = None
        self._control = None if options.control is None else _new_control()
        if options.faults is not None or self._control is not None:
            self.injector = _new_injector(options, report, self._control)
            self.wrap = self.injector.wrap
        if options.faults is not None:
            self.late = options.faults.late

    def control(self, controlled: "Controlled", end: Callable[[], None]) -> "Control | None":
        """Return the control socket of a program (--control), not open yet; None without one.

        With it, faults can be armed while the program runs.

        Args:
            controlled: The program.
            end: Ends the program.
        """
        if self._control is not None and self.injector is not None:
            self._control.join(self.injector, controlled, end)
        return self._control


def _new_control() -> "Control":
    from qmpeer.options.control import Control  # start: 20 ms

    return Control()


def _new_injector(options: ProgramOptions, report: Warn, control: "Control | None") -> "Injector":
    from qmpeer.faults import Faults, Injector, ProcessFaults  # start: 20 ms

    def show(fault: "Fault", peer: str) -> None:
        report(f"fault: {fault}")
        if control is not None:
            control.fault_happened(fault, peer)

    pid = options.server_pid
    return Injector(
        options.faults or Faults(),
        seed=options.seed,
        process=ProcessFaults(int(pid) if pid is not None and pid.isdecimal() else pid),
        happened=show,
        live=control is not None,
        asked=None if control is None else control.command_received,
    )
