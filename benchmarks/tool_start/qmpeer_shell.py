"""The program `qmp-shell` as it is installed with qmpeer."""

import sys

from qmpeer.cli.shell_command import qmp_shell

sys.exit(qmp_shell())
