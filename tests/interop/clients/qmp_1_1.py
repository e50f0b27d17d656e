"""Query a server's status with qmp 1.1.0: python qmp_1_1.py PATH."""

import sys

from qmp import QEMUMonitorProtocol

client = QEMUMonitorProtocol(sys.argv[1])
client.settimeout(10)
client.connect()
print(client.command("query-status")["status"])
client.close()
