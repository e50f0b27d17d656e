"""Commands one by one to a monitor over TCP, and over telnet, TLS and WebSocket on TCP.

As in `server_load`, nothing is parsed. The client's texts are made before the clock starts.
"""

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import TypeAlias

from benchmarks.rounds import LeftOutError
from benchmarks.server_load import BLOCK, COMMAND, NEGOTIATE, TIMEOUT, connect

WIRES = ("tcp", "telnet", "tls", "websocket")
PROMPT = b"(qemu) "
LINE = b"info version\n"
_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Stream: TypeAlias = "socket.socket | _TlsSocket"
_MASK = bytes(range(1, 5))


def options(folder: Path) -> list[str]:
    """Return the options of a server that has a monitor on every wire, each on a free port.

    Raises:
        LeftOutError: If there is no `openssl` to make a certificate with.
    """
    words = ["-object", f"tls-creds-x509,id=tls,endpoint=server,verify-peer=off,dir={folder}"]
    make_certificate(folder)
    for wire in WIRES:
        words += ["-chardev", device(wire), "-mon", f"chardev={wire},mode=control"]
    return words


def device(wire: str) -> str:
    """Return the character device that listens on a wire, on a free port."""
    extra = {"tcp": "", "tls": ",tls-creds=tls"}.get(wire, f",{wire}=on")
    return f"socket,id={wire},host=127.0.0.1,port=0,server=on,wait=off{extra}"


def make_certificate(folder: Path) -> None:
    """Make the certificate of a server, unless it exists.

    Raises:
        LeftOutError: If there is no `openssl` to make it with.
    """
    if shutil.which("openssl") is None:
        raise LeftOutError("no openssl")
    key, certificate = folder / "server-key.pem", folder / "server-cert.pem"
    if not certificate.exists():
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(
            ["openssl", "req", *new, *subject, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        shutil.copy(certificate, folder / "ca-cert.pem")


def port_of(wire: str, path: str) -> int:
    """Ask a server, at the unix path of another monitor, for the port of a wire."""
    with connect(path) as stream, stream.makefile("rb") as lines:
        stream.sendall(b'{"execute":"query-chardev"}\n')
        devices = json.loads(lines.readline())["return"]
    (filename,) = (device["filename"] for device in devices if device["label"] == wire)
    return int(filename.partition(",")[0].rpartition(":")[2])


class _TlsSocket:
    """A TLS socket that needs as many system calls as a plain one.

    The standard library's reads a record in two calls, and first asks whether the socket is ready.
    """

    def __init__(self, stream: socket.socket, folder: Path) -> None:
        context = ssl.create_default_context(cafile=str(folder / "ca-cert.pem"))
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(_receive(stream))
        self._flush()

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def recv(self, size: int) -> bytes:
        while True:
            if not self._incoming.pending:
                self._incoming.write(_receive(self._stream))
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:  # a part of a record, or a record without data
                self._incoming.write(_receive(self._stream))

    def close(self) -> None:
        self._stream.close()

    def _flush(self) -> None:
        self._stream.sendall(self._outgoing.read())


def sequential(wire: str, port: int, folder: Path, seconds: float) -> float:
    """Return replies a second when each command waits for the previous reply."""
    count = 0
    command = _framed(wire, COMMAND)
    with contextlib.closing(_connect(wire, port, folder)) as stream:
        now = start = time.perf_counter()
        while now < start + seconds:
            stream.sendall(command)
            while not stream.recv(BLOCK).endswith(b"\n"):
                pass
            count += 1
            now = time.perf_counter()
    return count / (now - start)


def human_lines(path: str, seconds: float) -> float:
    """Return the lines a second that a human monitor executes, each sent after its prompt."""
    count = 0
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(TIMEOUT)
        stream.connect(path)
        _read_to(stream, PROMPT)
        now = start = time.perf_counter()
        while now < start + seconds:
            stream.sendall(LINE)
            _read_to(stream, PROMPT)
            count += 1
            now = time.perf_counter()
    return count / (now - start)


def _connect(wire: str, port: int, folder: Path) -> Stream:
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    stream: Stream = plain
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wire == "tls":
            stream = _TlsSocket(plain, folder)
        elif wire == "websocket":
            stream.sendall(_UPGRADE)
        seen = b""
        while b'"QMP"' not in seen or not seen.endswith(b"\n"):
            seen += _receive(stream)
        stream.sendall(_framed(wire, NEGOTIATE))
        _read_to(stream, b"\n")
    except BaseException:
        stream.close()
        raise
    return stream


def _framed(wire: str, command: bytes) -> bytes:
    if wire != "websocket":
        return command
    masked = bytes(byte ^ _MASK[at % 4] for at, byte in enumerate(command))
    assert len(command) < 126
    return bytes((0x82, 0x80 | len(command))) + _MASK + masked


def _read_to(stream: Stream, end: bytes) -> None:
    tail = b""
    while not tail.endswith(end):
        tail = (tail + _receive(stream))[-BLOCK:]


def _receive(stream: Stream) -> bytes:
    data = stream.recv(BLOCK)
    if not data:
        raise EOFError("the server closed the connection")
    return data
