"""``qmpeer proxy``: many clients on one monitor."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from qmpeer.cli.exits import DONE
from qmpeer.cli.main import RawSubcommand
from qmpeer.cli.monitor_program import reporting_errors, run_monitor_program
from qmpeer.cli.output import write_text
from qmpeer.cli.proxy_emulator import INSTALL, install
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
  --listen-first      listen at once, and wait for the server's greeting for ever; clients wait for
                      theirs meanwhile

beside libvirt:
  --install-emulator FILE
                      write FILE, an emulator for libvirt's <emulator>: it starts QEMU with a proxy
                      between libvirt and QEMU's monitor, which gets the other options. In these, %n
                      stands for the domain's name, %u for its UUID, %% for one %
  --qemu QEMU         the path of the real QEMU
  --or-direct         if the proxy can't start, start QEMU without it; otherwise QEMU doesn't start

{COMPANIONS_USAGE}
{CLIENTS}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.

exit status:
  0  after SIGINT, SIGTERM or SIGHUP, or when the server has gone; with -- COMMAND the status of the
     command instead, 128+N after signal N
  2  the command line is wrong, the emulator doesn't work, the server can't be reached, or a device
     or a file that the command line names can't be opened
"""


def _run(words: Sequence[str]) -> int:
    """Run the proxy until its server or a signal ends it; return 2 if it can't start."""
    if INSTALL in words:
        return reporting_errors(PROGRAM, partial(_install, words), failed=FAILED)
    return run_monitor_program(PROGRAM, USAGE, partial(parse_options, words), _proxy, failed=FAILED)


def _install(words: Sequence[str], report: Warn) -> int:
    write_text(f"{install(words, report)}\n")
    return DONE


def _proxy(options: ProxyOptions, report: Warn, when_ready: Callable[[], None]) -> int:
    return run_process(partial(run_proxy, options, report, when_ready), report)


COMMAND: Final = RawSubcommand("Serve many clients on one monitor.", _run, USAGE, ("ADDRESS",))
