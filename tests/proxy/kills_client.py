"""A client that sends commands until it is killed: some that are allowed, some that aren't.

It is a program of its own, which imports nothing of ours, so that it starts in a moment.
"""

import itertools
import json
import socket
import sys
import time


def converse(path: str, name: str) -> None:
    """Send commands, four at a time, as long as the server answers."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(path)
        lines = sock.makefile("rwb")
        lines.readline()
        lines.write(b'{"execute": "qmp_capabilities"}\n')
        lines.flush()
        lines.readline()
        for turn in itertools.count():
            for number in range(4):
                prefix = "x" if number == 3 else "k"
                arguments = {"id": f"{prefix}{name}-{turn}-{number}"}
                command = {"execute": "object-del", "arguments": arguments}
                lines.write(json.dumps(command).encode() + b"\n")
            lines.flush()
            for _ in range(4):
                if not lines.readline():
                    return


if __name__ == "__main__":
    for connection in itertools.count():
        try:
            converse(sys.argv[1], f"{sys.argv[2]}-{connection}")
        except OSError:
            pass
        time.sleep(0.01)
