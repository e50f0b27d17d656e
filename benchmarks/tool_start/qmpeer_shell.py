"""The program `qmp-shell` as pip installs it with qmpeer."""

import sys

from qmpeer.cli.shell_command import qmp_shell

sys.exit(qmp_shell())
