"""``qmpeer serve``: the built-in machine, with QEMU's options and QEMU's exit status."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from qmpeer import __version__
from qmpeer.cli.exits import complain, os_text
from qmpeer.cli.main import RawSubcommand
from qmpeer.machine import USAGE, Options, StartError, StartHelp, parse_options
from qmpeer.options.daemonize import (
    PidFile,
    ReadyPipe,
    go_into_background,
    hold_standard_descriptors,
)

PROGRAM: Final = "qmpeer serve"
_FAILED: Final = 1


def _run(words: Sequence[str]) -> int:
    """Run the machine until quit or a signal; return 1 if it can't start."""
    try:
        options = parse_options(words, _report)
        if options.wants_help:
            sys.stdout.write(USAGE)
            return 0
        if options.wants_version:
            sys.stdout.write(f"qmpeer {__version__}\n")
            return 0
        for line in options.notices:
            print(line, flush=True)
        return _serve(options)
    except StartHelp as asked:
        sys.stdout.write(asked.text)
        return asked.status
    except StartError as error:
        for text in error.texts:
            _report(text)
    except OSError as error:
        complain(PROGRAM, os_text(error))
    return _FAILED


def _serve(options: Options) -> int:
    hold_standard_descriptors()
    ready_pipe = None
    if options.is_daemon:
        # Fork before a thread or an event loop exists: neither would survive in the child.
        result = go_into_background()
        if not isinstance(result, ReadyPipe):
            return result
        ready_pipe = result
    # Written after the forks, by the process that stays: it contains its id, and holds the lock.
    pid_file = None if options.pid_file is None else PidFile(options.pid_file)
    try:
        from qmpeer.machine.process import run_machine  # start: 80 ms
        from qmpeer.options.process import run_process  # start: 80 ms

        when_ready = (lambda: None) if ready_pipe is None else ready_pipe.report_ready
        return run_process(partial(run_machine, options, _report, when_ready), _report)
    finally:
        if pid_file is not None:
            pid_file.remove()


def _report(text: str) -> None:
    """Write a text to standard error, its first line after the program's name."""
    first, *below = text.split("\n")
    complain(PROGRAM, first)
    if below:
        try:
            print(*below, sep="\n", file=sys.stderr, flush=True)
        except OSError:
            pass  # standard error is closed; the exit status remains


COMMAND: Final = RawSubcommand("Run a machine that answers QMP.", _run)
