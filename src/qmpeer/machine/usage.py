"""The text of ``qmpeer serve --help``."""

from typing import Final

from qmpeer.options.companion_options import COMPANIONS_USAGE
from qmpeer.options.fault_options import FAULTS_USAGE
from qmpeer.options.usage import ACCESS, CHARDEVS, DESCRIPTORS, DEVICE_FORMS, HELP, PROCESS

USAGE: Final = f"""\
usage: qmpeer serve [options]

Starts a machine without a guest. Its QMP and human monitors answer as QEMU 7.2 does.
The options are QEMU's, with one dash or two:

monitors:
  -qmp DEV            a QMP monitor on DEV, which writes one JSON value a line
  -qmp-pretty DEV     a QMP monitor on DEV, which indents JSON
  -monitor DEV        a human monitor on DEV; 'none' for no monitor
  -mon [chardev=]ID[,mode=readline|control][,pretty=on|off]
                      a monitor on the device ID of a -chardev: human (readline) or QMP (control)
                      Without any of these options, a human monitor is on standard input and
                      output. With -display none or -daemonize it is on a console that nobody
                      sees. With -nodefaults there is none.
  --monitor-objects   monitors are objects, as in QEMU 11.1: the options above are short for
                      -object monitor-qmp,id=ID,chardev=ID[,pretty=on|off]
                              [,close-action=none|delete]
                      -object monitor-hmp,id=ID,chardev=ID
                      object-add makes more of them, object-del removes those for QMP. With
                      close-action=delete a monitor and its device go when the client leaves.
{DEVICE_FORMS}
character devices:
{CHARDEVS}  OPTS of all:     logfile=PATH[,logappend=on], mux=on
  -serial DEV, -parallel DEV
                      a device with the label of the port; mon:DEV adds a human monitor
  -echr N             the character that begins the escapes of mux=on; default 1, C-a
{DESCRIPTORS}
{ACCESS}
{FAULTS_USAGE}
{COMPANIONS_USAGE}
machine:
  -S                  start with the guest stopped
  -name [guest=]NAME  the guest's name, for query-name
  -uuid UUID          the guest's UUID, for query-uuid
  -singlestep         let query-status report single-step mode
{PROCESS}  -machine none       the only machine type; -M is the same
  -compat KEY=VALUE   refuse or hide deprecated or unstable parts of the interface:
                      deprecated-input or unstable-input with accept, reject or crash,
                      deprecated-output or unstable-output with accept or hide
  -accel NAME         tcg, kvm or qtest; accepted, but there is no guest to accelerate
  -display none       the only display
  -nographic, -nodefaults, -no-user-config
                      accepted; besides the default monitor there is nothing to leave out

{HELP}
The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.
Exit status: 0 after quit, SIGTERM, SIGINT or SIGHUP; 1 if the machine can't start; with -- COMMAND
that of the command.
"""
