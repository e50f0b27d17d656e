"""The program `qmp-shell` as it is installed with qemu.qmp."""

import sys

from qemu.qmp.qmp_shell import main

sys.exit(main())
