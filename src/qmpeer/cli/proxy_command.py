"""``qmpeer proxy``: many clients on one monitor."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import run_monitor_program
from qmpeer.cli.place_options import PLACE_USAGE
from qmpeer.cli.proxy_listeners import LISTENERS_USAGE
from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.cli.proxy_place import restore_place
from qmpeer.cli.proxy_process import run_proxy
from qmpeer.cli.server_options import FAILED, OWN_OPTIONS
from qmpeer.options import Warn
from qmpeer.options.companion_options import companions_usage
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS

PROGRAM: Final = "qmpeer proxy"
_STATUS: Final = "--status"
_CONTROL: Final = companions_usage(
    "show the server and the clients,\n                      and disconnect clients (see --status)"
)
USAGE: Final = f"""\
usage: qmpeer proxy ADDRESS [options]
       qmpeer proxy --status ADDRESS [--follow] [--disconnect N] [--json]
       qmpeer proxy --restore PATH

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
{PLACE_USAGE}
at a glance, in place of all other options:
  --status ADDRESS    show a running proxy, by its control socket at ADDRESS (--control): its
                      server, its clients, who they are, what they wait for
  --follow            show it again and again; into a pipe, a line for each change
  --interval S        with --follow: seconds between updates (default 1)
  --count N           with --follow: end after N updates or changes
  --disconnect N      disconnect client N, and wait until it is gone
  --json              write JSON, for programs

{LISTENERS_USAGE}
{_CONTROL}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP, or when the server has ended, by quit or with the event
     SHUTDOWN; with -- COMMAND the status of the command instead, 128+N after signal N
  1  the connection to the server has ended in another way
  2  the command line is wrong, the server can't be reached, or a device or a file that the command
     line names can't be opened
  with --status, 1 after an error, such as for a client that isn't there, and 3 without a connection
"""


def _run(words: Sequence[str]) -> int:
    """Run the proxy until its server or a signal ends it; return 2 if it can't start.

    With --status, show another one.
    """
    if any(word.split("=")[0] == _STATUS for word in words):
        from qmpeer.cli.proxy_status import show_status  # start: 20 ms

        return show_status(words)
    return run_monitor_program(PROGRAM, USAGE, partial(parse_options, words), _proxy, failed=FAILED)


def _proxy(options: ProxyOptions, report: Warn, when_ready: Callable[[], None]) -> int:
    if options.restores:
        return restore_place(options.restores)
    return run_process(partial(run_proxy, options, report, when_ready), report)


COMMAND: Final = RawSubcommand("Serve many clients on one monitor.", _run, USAGE, ("ADDRESS",))
