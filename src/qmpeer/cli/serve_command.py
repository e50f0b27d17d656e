"""``qmpeer serve``: the built-in machine, with QEMU's options and QEMU's exit status."""

import gc
import sys
from collections.abc import Sequence
from typing import Final

from qmpeer import __version__
from qmpeer.cli.exits import complain, os_text
from qmpeer.machine import USAGE, Options, StartError, parse_options

PROGRAM: Final = "qmpeer serve"
_FAILED: Final = 1


def run(words: Sequence[str]) -> int:
    """Run the machine until quit or a signal; 1 if it can't start."""
    try:
        options = parse_options(words)
        if options.wants_help:
            sys.stdout.write(USAGE)
            return 0
        if options.wants_version:
            sys.stdout.write(f"qmpeer {__version__}\n")
            return 0
        return _run(options)
    except StartError as error:
        complain(PROGRAM, str(error))
    except OSError as error:
        complain(PROGRAM, os_text(error))
    return _FAILED


def _run(options: Options) -> int:
    from qmpeer.machine.background import (
        PidFile,
        Starter,
        go_into_background,
        hold_standard_descriptors,
    )

    hold_standard_descriptors()
    starter = None
    if options.is_daemon:
        # Before there are threads and a loop, which don't survive a fork.
        place = go_into_background()
        if not isinstance(place, Starter):
            return place
        starter = place
    pid_file = None if options.pid_file is None else PidFile(options.pid_file)
    try:
        # What an import makes stays for good: looking through it for garbage is a tenth of the
        # time to the first greeting, and would go on with every collection.
        gc.disable()
        from qmpeer.machine.process import run_process

        gc.freeze()
        gc.enable()
        return run_process(options, _say, (lambda: None) if starter is None else starter.say_ready)
    finally:
        if pid_file is not None:
            pid_file.remove()


def _say(text: str) -> None:
    complain(PROGRAM, text)
