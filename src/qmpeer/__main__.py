"""``python -m qmpeer``: the same as the script ``qmpeer``."""

import sys

from qmpeer.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
