"""``qmpeer proxy``: many clients on one monitor."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.exits import DONE
from qmpeer.cli.guard_options import GUARD_USAGE
from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import reporting_errors, run_monitor_program
from qmpeer.cli.output import write_text
from qmpeer.cli.place_options import PLACE_USAGE
from qmpeer.cli.proxy_emulator import INSTALL, install
from qmpeer.cli.proxy_listeners import LISTENERS_USAGE
from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.cli.proxy_place import restore_place
from qmpeer.cli.proxy_process import run_proxy
from qmpeer.cli.server_options import FAILED, OWN_OPTIONS
from qmpeer.options import Warn
from qmpeer.options.command_line import END_OF_OPTIONS
from qmpeer.options.companion_options import companions_usage
from qmpeer.options.process import run_process
from qmpeer.options.usage import CLIENTS

PROGRAM: Final = "qmpeer proxy"
_STATUS: Final = "--status"
_HELP: Final = ("--help",)
_CONTROL: Final = companions_usage(
    "show the server and the clients,", "and disconnect clients (see --status)"
)
USAGE: Final = f"""\
usage: qmpeer proxy ADDRESS [options]
       qmpeer proxy --status ADDRESS [--follow] [--disconnect N] [--reload-policy] [--json]
       qmpeer proxy --restore PATH
       qmpeer proxy --install-emulator FILE --qemu QEMU [--or-direct] [options]

Serves many clients on the one QMP monitor at ADDRESS, such as that of a QEMU. To each client it is
the server: its greeting, its commands, its events. Commands of different clients go to the server
in turn, so that nobody waits for all that another one has sent.

examples:
  $ qmpeer proxy /run/vm.qmp -qmp unix:/run/all.qmp,server=on,wait=off
  $ qmpeer proxy --install-emulator /usr/local/bin/qemu-proxied \\
      --qemu /usr/bin/qemu-system-x86_64 -qmp unix:/run/qmpeer/%n.qmp,server=on,wait=off

{OWN_OPTIONS}\
  --window N          let N commands be at the server at once, 1 to 7 (default 4)
  --command-timeout S|off
                      answer a command with an error if the server hasn't in S seconds (default 300)
  --persist           stay when the server goes, with all clients; by default the proxy ends, too
  --reconnect         stay, and connect again as soon as there is a server at ADDRESS
  --when-down wait|fail
                      while there is no server, let commands wait for one, or fail (default wait)
  --listen-first      listen at once, and wait for the server's greeting for ever; clients wait for
                      theirs meanwhile
{PLACE_USAGE}
{GUARD_USAGE}
{_CONTROL}
{LISTENERS_USAGE}
{CLIENTS}
at a glance, in place of all other options:
  --status ADDRESS    show a running proxy, by its control socket at ADDRESS (--control): its
                      server, its clients, who they are, what they wait for;
                      --status --help explains the table
  --follow            show it again and again; into a pipe, a line for each change
  --interval S        with --follow: seconds between updates (default 1)
  --count N           with --follow: end after N updates or changes
  --disconnect N      disconnect client N, and wait until it is gone
  --reload-policy     let it read its policy again; if anything in it is wrong, the old one stays
  --json              write JSON, for programs

beside libvirt:
  --install-emulator FILE
                      write FILE, an emulator for libvirt's <emulator>: it starts QEMU with a proxy
                      between libvirt and QEMU's monitor, which gets the other options. In these, %n
                      stands for the domain's name, %u for its UUID, %% for one %
  --qemu QEMU         the path of the real QEMU
  --or-direct         if the proxy can't start, start QEMU without it; otherwise QEMU doesn't start

The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP, or when the server has ended, by quit or with the event
     SHUTDOWN; with -- COMMAND the status of the command instead, 128+N after signal N
  1  the connection to the server has ended in another way
  2  the command line is wrong, the emulator doesn't work, the server can't be reached, or a device
     or a file that the command line names can't be opened
  with --status, 1 after an error, such as for a client that isn't there, and 3 without a connection
"""


def _run(words: Sequence[str]) -> int:
    """Run the proxy until its server or a signal ends it; return 2 if it can't start.

    With --status, show another one. With --install-emulator, write an emulator for libvirt.
    """
    own = words[: words.index(END_OF_OPTIONS)] if END_OF_OPTIONS in words else words
    if any(word.split("=")[0] == _STATUS for word in own):
        from qmpeer.cli.proxy_status import show_status  # start: 20 ms

        return show_status(_HELP if {"-h", *_HELP} & set(own) else words)
    if INSTALL in own:
        return reporting_errors(PROGRAM, partial(_install, words), failed=FAILED)
    return run_monitor_program(PROGRAM, USAGE, partial(parse_options, words), _proxy, failed=FAILED)


def _install(words: Sequence[str], report: Warn) -> int:
    write_text(f"{install(words, report)}\n")
    return DONE


def _proxy(options: ProxyOptions, report: Warn, when_ready: Callable[[], None]) -> int:
    if options.restores:
        write_text(restore_place(options.restores))
        return DONE
    return run_process(partial(run_proxy, options, report, when_ready), report)


COMMAND: Final = RawSubcommand("Serve many clients on one monitor.", _run, USAGE, ("ADDRESS",))
