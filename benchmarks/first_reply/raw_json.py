"""A bare socket with json, from its start to the first reply."""

import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as stream:
    stream.connect(sys.argv[1])
    with stream.makefile("rb") as lines:
        lines.readline()
        stream.sendall(b'{"execute":"qmp_capabilities"}\n')
        lines.readline()
        stream.sendall(b'{"execute":"query-version"}\n')
        print(json.loads(lines.readline())["return"], flush=True)
