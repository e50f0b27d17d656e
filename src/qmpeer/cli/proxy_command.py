"""``qmpeer proxy``: many clients on one monitor."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.cli.proxy_process import run_proxy
from qmpeer.cli.server_options import FAILED, OWN_OPTIONS
from qmpeer.options import Warn
from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS

PROGRAM: Final = "qmpeer proxy"
USAGE: Final = f"""\
usage: qmpeer proxy ADDRESS [options]

Serves many clients on the one QMP monitor at ADDRESS, such as that of a QEMU. To each client it is
the server: its greeting, its commands, its events. Commands of different clients go to the server
in turn, so that nobody waits for all that another one has sent.

example:
  $ qmpeer proxy /run/vm.qmp -qmp unix:/run/all.qmp,server=on,wait=off

{OWN_OPTIONS}\
  --window N          let N commands be at the server at once, 1 to 7 (default 4)
  --command-timeout S|off
                      answer a command with an error if the server hasn't in S seconds (default 300)
  --persist           stay when the server goes, with all clients; by default the proxy ends, too
  --reconnect         stay, and connect again as soon as there is a server at ADDRESS
  --when-down wait|fail
                      while there is no server, let commands wait for one, or fail (default wait)

{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP, or when the server has ended, by quit or with the event
     SHUTDOWN; with -- COMMAND the status of the command instead, 128+N after signal N
  1  the connection to the server has ended in another way
  2  the command line is wrong, the server can't be reached, or a device or a file that the command
     line names can't be opened
"""


def _run(words: Sequence[str]) -> int:
    """Run the proxy until its server or a signal ends it; return 2 if it can't start."""
    return run_monitor_program(PROGRAM, USAGE, partial(parse_options, words), _proxy, failed=FAILED)


def _proxy(options: ProxyOptions, report: Warn, when_ready: Callable[[], None]) -> int:
    return run_process(partial(run_proxy, options, report, when_ready), report)


COMMAND: Final = RawSubcommand("Serve many clients on one monitor.", _run, USAGE, ("ADDRESS",))
