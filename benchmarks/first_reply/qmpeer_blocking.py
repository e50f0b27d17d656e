"""Our blocking client, from its start to its first reply."""

import sys

from qmpeer import Client

with Client.connect(sys.argv[1]) as client:
    print(client.execute("query-version"), flush=True)
