"""Query a server's status with the blocking client of qmpeer: python ours.py ADDRESS."""

import sys

from qmpeer import Client

with Client.connect(sys.argv[1], timeout=5, command_timeout=5, wait_for_socket=True) as vm:
    print(vm.execute("query-status")["status"])
