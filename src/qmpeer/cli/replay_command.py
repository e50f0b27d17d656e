"""``qmpeer replay``: a server made of recordings, and a report of what was asked."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.exits import DONE, REFUSED, FileError, complain, os_text
from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.report_output import show_report
from qmpeer.errors import TranscriptError
from qmpeer.options import Warn
from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.fault_options import FAULTS_USAGE
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS
from qmpeer.replay import Replay
from qmpeer.replay.options import ReplayOptions, parse_options
from qmpeer.replay.process import load_replay, run_replay

PROGRAM: Final = "qmpeer replay"
_FAILED: Final = 2
USAGE: Final = f"""\
usage: qmpeer replay FILE... [options]

Answers clients as the server did whose conversations are in FILE: transcripts, or the .replies of
libvirt's tests. Commands are looked up by name and arguments. The first client gets the first
conversation, the next one the second; after the last comes the first again.

example:
  $ qmpeer replay vm.txt -qmp unix:/run/vm.qmp,server=on,wait=off

options:
  --strict            refuse a command that is asked more often than recorded; end with status 1
                      unless all was played and nothing was asked in vain
  --order any|recorded
                      recorded: refuse commands that come out of the recorded order; default any
  --conversation N    give every client the conversation N, counted from 1
  --delays none|recorded|SECONDS
                      wait before replies and events as long as in the recording, or so many seconds
                      before each event; default none
  --timestamps now|recorded
                      the timestamps of events; default now
  --server ADDRESS    have a real server execute what isn't recorded: with care, it does so
  --add               add that server's answers to FILE
  --report text|json|none
                      the form of the report at the end: text goes to standard error, JSON to
                      standard output; default text
  --report-file FILE  write the report to FILE instead

{FAULTS_USAGE}
{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP; with -- COMMAND after its status 0. Any other status of
     COMMAND is that of qmpeer, too, 128+N after signal N
  1  with --strict: something was never asked, asked in vain, or out of order
  2  the command line is wrong, or a device or a file that it names can't be opened, read or written
"""


def _run(words: Sequence[str]) -> int:
    """Replay until a signal; return 2 for what can't start or be written, 1 if incomplete."""
    loaded: list[Replay] = []

    def parse(warn: Warn) -> ReplayOptions:
        options = parse_options(words, warn)
        if not (options.wants_help or options.wants_version):
            # Before the process may go to the background, where nobody would read the errors.
            loaded.append(load_replay(options, warn))
        return options

    def run(options: ReplayOptions, report: Warn, when_ready: Callable[[], None]) -> int:
        return _replay(options, loaded[0], report, when_ready)

    return run_monitor_program(PROGRAM, USAGE, parse, run, failed=_FAILED)


def _replay(
    options: ReplayOptions, replay: Replay, report: Warn, when_ready: Callable[[], None]
) -> int:
    status = run_process(partial(run_replay, options, replay, report, when_ready), report)
    outcome = replay.report
    failed = False
    show = partial(show_report, outcome, options.report, options.report_file, report)
    for step in (replay.save, show):
        try:
            step()
        except (TranscriptError, FileError) as error:
            complain(PROGRAM, str(error))
            failed = True
        except OSError as error:
            complain(PROGRAM, os_text(error))
            failed = True
    if status:  # of the command behind --
        return status
    if failed:
        return _FAILED
    return REFUSED if options.is_strict and not outcome.is_complete else DONE


COMMAND: Final = RawSubcommand("Answer clients as a recorded server did.", _run, USAGE, ("FILE",))
