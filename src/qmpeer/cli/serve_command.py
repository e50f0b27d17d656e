"""``qmpeer serve``: the built-in machine, with QEMU's options and QEMU's exit status."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.machine import USAGE, Options, parse_options
from qmpeer.machine.process import run_machine
from qmpeer.options import Warn
from qmpeer.options.process import run_process

PROGRAM: Final = "qmpeer serve"
_FAILED: Final = 1


def _run(words: Sequence[str]) -> int:
    """Run the machine until quit or a signal; return 1 if it can't start."""
    return run_monitor_program(
        PROGRAM, USAGE, partial(parse_options, words), _serve, failed=_FAILED
    )


def _serve(options: Options, report: Warn, when_ready: Callable[[], None]) -> int:
    return run_process(partial(run_machine, options, report, when_ready), report)


COMMAND: Final = RawSubcommand("Run a machine that answers QMP.", _run, USAGE)
