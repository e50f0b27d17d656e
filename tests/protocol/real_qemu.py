"""A real QEMU for comparisons: one process, a connection per input."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE
from tests.protocol.pretended_server import PretendedServer
from tests.qemu import BASE

__all__ = ["LAST", "ask_qemu", "ask_us", "by_value", "running_qemu"]

LAST = b'\x01{"execute":"last","id":"last"}\n'
"""A byte that resets the reader, and a command that marks the end of the answers."""

_NO_NUMBER = re.compile(rb"(?<=[\[ ])-?(?:inf|nan)(?=[,\]}])")


@contextmanager
def running_qemu(program: str, directory: Path) -> Iterator[Path]:
    """Run a QEMU; yield the path of its monitor once it listens."""
    path = directory / "q"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(8)
    label = "compat_monitor0"
    chardev = f"socket,id={label},fd={listener.fileno()},server=on,wait=off"
    process = subprocess.Popen(
        [program, *BASE, "-chardev", chardev, "-mon", f"chardev={label},mode=control"],
        pass_fds=[listener.fileno()],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    listener.close()
    try:
        yield path
    finally:
        process.terminate()
        process.wait()


def ask_qemu(path: Path, data: bytes) -> bytes:
    """Return QEMU's answers, without its greeting."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(data + LAST)
        answer = bytearray()
        while b'"id": "last"' not in answer or not answer.endswith(b"\n"):
            received = connection.recv(65536)
            assert received
            answer += received
    _, _, rest = bytes(answer).partition(b"\r\n")
    return rest


def ask_us(server: PretendedServer, data: bytes) -> bytes:
    """Return our answers, without the greeting."""
    session = server.connect()
    session.data_to_send()
    answer = b""
    data += LAST
    for start in range(0, len(data), 60_000):
        server.receive(session, data[start : start + 60_000])
        while said := session.data_to_send():
            answer += said
            server.pump()
    return answer


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if abs(value) < 2**53 and value.is_integer() else value


def by_value(answer: bytes) -> list[str]:
    """Return lines in a form in which the order of members and the form of numbers don't matter."""
    lines = answer.split(b"\r\n")
    assert lines.pop() == b""
    return list(map(_line_by_value, lines))


def _line_by_value(line: bytes) -> str:
    line = _NO_NUMBER.sub(b"null", line)
    try:
        value = json.loads(line, parse_float=_number)
    except RecursionError:  # too deep to parse: compare the text
        return line.decode("ascii")
    return json.dumps(value, sort_keys=True)
