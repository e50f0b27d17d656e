"""``qmpeer serve``: the built-in machine, with QEMU's options and QEMU's exit status."""

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from qmpeer import __version__
from qmpeer.cli.exits import complain, os_text

if TYPE_CHECKING:
    from qmpeer.machine import Options

PROGRAM: Final = "qmpeer serve"
_FAILED: Final = 1


def run(words: Sequence[str]) -> int:
    """Run the machine until quit or a signal; 1 if it can't start."""
    # What an import makes stays for good: looking through it for garbage is a tenth of the time to
    # the first greeting, and would go on with every collection.
    gc.disable()
    from qmpeer.machine import USAGE, StartError, StartHelp, parse_options

    try:
        options = parse_options(words, _say)
        if options.wants_help:
            sys.stdout.write(USAGE)
            return 0
        if options.wants_version:
            sys.stdout.write(f"qmpeer {__version__}\n")
            return 0
        for line in options.notices:
            print(line, flush=True)
        return _run(options)
    except StartHelp as asked:
        sys.stdout.write(asked.text)
        return asked.status
    except StartError as error:
        for text in error.texts:
            _say(text)
    except OSError as error:
        complain(PROGRAM, os_text(error))
    finally:
        gc.enable()
    return _FAILED


def _run(options: "Options") -> int:
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
        from qmpeer.machine.process import run_process

        gc.freeze()
        gc.enable()
        return run_process(options, _say, (lambda: None) if starter is None else starter.say_ready)
    finally:
        if pid_file is not None:
            pid_file.remove()


def _say(text: str) -> None:
    """Write a text to standard error, the program's name before its first line."""
    first, *below = text.split("\n")
    complain(PROGRAM, first)
    if below:
        try:
            print(*below, sep="\n", file=sys.stderr, flush=True)
        except OSError:
            pass  # nobody is there to be told
