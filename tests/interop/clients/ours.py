"""Query a server's status with the blocking client of qmpeer: python ours.py ADDRESS."""

import sys

from qmpeer import Client

with Client.connect(sys.argv[1], timeout=10, command_timeout=10, wait_for_socket=True) as vm:
    print(vm.execute("query-status")["status"])
