"""``qmpeer record``: a relay that writes what passes to a transcript, without secrets."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.exits import DONE
from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.relay_options import (
    ENDS,
    RelayOptions,
    parse_relay_options,
)
from qmpeer.cli.relay_process import run_relay
from qmpeer.cli.server_options import FAILED, OWN_OPTIONS
from qmpeer.options import Flag, ReadArgument, StartError, Warn, set_to
from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.fault_options import FAULTS_USAGE, PROCESS_USAGE
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS
from qmpeer.recording import Recording

PROGRAM: Final = "qmpeer record"
USAGE: Final = f"""\
usage: qmpeer record ADDRESS -o FILE [options]

Passes every byte between clients and the QMP server at ADDRESS, as qmpeer relay does, and writes
what passes to FILE: a transcript, which is text. Each line is written as soon as it has passed.
Values that are secret, such as passwords, are <redacted> in the file; others may read in it what
the clients and the server said, so its mode is 0600. What the file already holds stays.

example:
  $ qmpeer record /run/vm.qmp -o vm.txt -qmp unix:/run/recorded.qmp,server=on,wait=off

{OWN_OPTIONS}  -o FILE             the file to write to
  --no-times          leave out when each line came, so that two recordings can be compared

{FAULTS_USAGE}{PROCESS_USAGE}
{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

{ENDS}"""


class _Options(RelayOptions, kw_only=True):
    """The options of the recorder.

    Attributes:
        file: The file to write to.
        has_times: True to write when each line came.
    """

    file: str = ""
    has_times: bool = True


def _file(options: _Options, option: str, argument: str) -> None:
    options.file = argument


_FLAGS: Final[Mapping[str, Flag[_Options]]] = {"no-times": set_to("has_times", False)}
_OPTIONS: Final[Mapping[str, ReadArgument[_Options]]] = {"o": _file}


def _parse(words: Sequence[str], warn: Warn) -> _Options:
    options = parse_relay_options(_Options(), words, warn, flags=_FLAGS, readers=_OPTIONS)
    if not (options.file or options.wants_help or options.wants_version):
        raise StartError("", None, "found no -o FILE, expected the file to write to")
    return options


def _run(words: Sequence[str]) -> int:
    """Record until a signal; return 2 if that can't begin, or the file can't be written."""
    return run_monitor_program(PROGRAM, USAGE, partial(_parse, words), _record, failed=FAILED)


def _record(options: _Options, report: Warn, when_ready: Callable[[], None]) -> int:
    try:
        recording = Recording.open(options.file, times=options.has_times)
    except OSError as error:
        raise StartError("-o", options.file, error.strerror or str(error)) from error
    with recording:
        run = partial(run_relay, options, report, when_ready, recording)
        status = run_process(run, report)
    report(_summary(recording))
    return status or (DONE if recording.failure is None else FAILED)


def _summary(recording: Recording) -> str:
    counted = ", ".join(
        f"{number} {noun}{'s' * (number != 1)}"
        for number, noun in (
            (recording.connections, "connection"),
            (recording.messages, "message"),
            (recording.size, "byte"),
        )
    )
    return f"recorded {counted} in {recording.path}"


COMMAND: Final = RawSubcommand(
    "Record what passes between clients and a QMP server.", _run, USAGE, ("ADDRESS",)
)
