"""The program `qmp-shell` as pip installs it with qemu.qmp."""

import sys

from qemu.qmp.qmp_shell import main

sys.exit(main())
