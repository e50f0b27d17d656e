"""``qmpeer fake``: a server that follows a script, and a report of what it was asked."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.exits import DONE, REFUSED, FileError, complain, os_text
from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.report_output import show_report
from qmpeer.options import Warn
from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.fault_options import FAULTS_USAGE
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS
from qmpeer.script.options import FakeOptions, parse_options
from qmpeer.script.process import load_fake, run_fake
from qmpeer.script.report import ScriptReport
from qmpeer.script.toml_script import TomlScript

PROGRAM: Final = "qmpeer fake"
_FAILED: Final = 2
USAGE: Final = f"""\
usage: qmpeer fake SCRIPT [options]

Answers clients as SCRIPT says, a file in TOML, and judges what it is asked. A command that no rule
answers gets CommandNotFound, and is reported at the end, as is a rule that was never asked.

example:
  $ qmpeer fake vm.toml --print-address --until-eof
  $ qmpeer fake vm.toml -- go test ./...

options:
  --allow-unexpected  don't report commands that no rule answers
  --allow-unmet       don't report rules that weren't asked as often as they must be
  --report text|json|none
                      the form of the report at the end: text goes to standard error, JSON to
                      standard output; default text
  --report-file FILE  write the report to FILE instead

{FAULTS_USAGE}
{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP, if what was asked is what the script says; with -- COMMAND
     after its status 0. Any other status of COMMAND is that of qmpeer, too, 128+N after signal N
  1  something was asked that the script doesn't have, or a rule wasn't asked
  2  the command line or the script is wrong, or a device or a file that it names can't be opened,
     read or written
"""


def _run(words: Sequence[str]) -> int:
    """Follow the script until a signal; return 2 if it can't start, 1 for a mismatch."""
    loaded: list[TomlScript] = []

    def parse(warn: Warn) -> FakeOptions:
        options = parse_options(words, warn)
        if not (options.wants_help or options.wants_version):
            # Before the process may go to the background, where nobody would read the errors.
            loaded.append(load_fake(options))
        return options

    def run(options: FakeOptions, report: Warn, when_ready: Callable[[], None]) -> int:
        return _fake(options, loaded[0], report, when_ready)

    return run_monitor_program(PROGRAM, USAGE, parse, run, failed=_FAILED)


def _fake(
    options: FakeOptions, loaded: TomlScript, report: Warn, when_ready: Callable[[], None]
) -> int:
    status = run_process(partial(run_fake, options, loaded, report, when_ready), report)
    outcome = ScriptReport.of(loaded.script, waived=options.waived)
    try:
        show_report(outcome, options.report, options.report_file, report)
    except FileError as error:
        complain(PROGRAM, str(error))
        return status or _FAILED
    except OSError as error:
        complain(PROGRAM, os_text(error))
        return status or _FAILED
    return status or (DONE if outcome.is_met else REFUSED)


COMMAND: Final = RawSubcommand("Answer clients as a script says.", _run, USAGE, ("SCRIPT",))
