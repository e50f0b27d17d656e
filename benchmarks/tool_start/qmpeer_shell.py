"""The program that pip installs as `qmp-shell` with qmpeer."""

import sys

from qmpeer.cli.shell_command import qmp_shell

sys.exit(qmp_shell())
