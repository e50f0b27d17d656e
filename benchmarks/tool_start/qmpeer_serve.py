"""The program that pip installs as `qmpeer`, serving one monitor on a descriptor."""

import sys

from qmpeer.cli.main import main

device = f"socket,id=qmp,fd={sys.argv[1]}"
sys.exit(main(["serve", "-chardev", device, "-mon", "chardev=qmp,mode=control"]))
