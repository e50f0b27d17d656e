"""The program that pip installs as `qmpeer`, executing one command."""

import sys

from qmpeer.cli.main import main

sys.exit(main(["exec", sys.argv[1], "query-status"]))
