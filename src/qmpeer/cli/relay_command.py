"""``qmpeer relay``: every byte between clients and a QMP server, unchanged and at once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.relay_options import (
    ENDS,
    RelayOptions,
    parse_relay_options,
)
from qmpeer.cli.relay_process import run_relay
from qmpeer.cli.server_options import FAILED, OWN_OPTIONS
from qmpeer.options import Warn
from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.fault_options import FAULTS_USAGE, PROCESS_USAGE
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS

PROGRAM: Final = "qmpeer relay"
USAGE: Final = f"""\
usage: qmpeer relay ADDRESS [options]

Passes every byte between clients and the QMP server at ADDRESS, unchanged and at once, with the
descriptors that come with it. Each client gets a connection of its own to the server. If the server
can't be reached, the client is disconnected, and standard error says why.

example:
  $ qmpeer relay /run/vm.qmp -qmp unix:/run/relay.qmp,server=on,wait=off

{OWN_OPTIONS}
{FAULTS_USAGE}{PROCESS_USAGE}
{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

{ENDS}"""


def _run(words: Sequence[str]) -> int:
    """Run the relay until a signal; return 2 if it can't start."""
    parse = partial(parse_relay_options, RelayOptions(), words)
    return run_monitor_program(PROGRAM, USAGE, parse, _relay, failed=FAILED)


def _relay(options: RelayOptions, report: Warn, when_ready: Callable[[], None]) -> int:
    return run_process(partial(run_relay, options, report, when_ready, None), report)


COMMAND: Final = RawSubcommand(
    "Pass every byte between clients and a QMP server.", _run, USAGE, ("ADDRESS",)
)
