"""The program that pip installs as `qmp-shell` with qemu.qmp."""

import sys

from qemu.qmp.qmp_shell import main

sys.exit(main())
