"""A bare asyncio server: it decodes and encodes each message with msgspec, and does nothing else.

It shows the cost of any server on this loop. On a unix socket it is an `asyncio.Protocol`; over
TCP, TLS and WebSocket it is behind the same devices and filters as our monitor.
"""

import argparse
import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import loops, wire_load
from qmpeer.chardev import Chardevs, Host, TlsCredentials, parse_chardev

GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'
VERSION = {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}


class Bare:
    """One connection: lines in, replies out."""

    def __init__(
        self, write: Callable[[bytes], None], close: Callable[[], None], answers: dict[str, Any]
    ) -> None:
        self._write = write
        self._close = close
        self._answers = answers
        self._rest = b""
        write(GREETING)

    def data_received(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Answer each complete line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        decode, encode = msgspec.json.decode, msgspec.json.encode
        for line in lines:
            request = decode(line)
            value = self._answers.get(request["execute"], {})
            self._write(encode({"return": value}) + b"\r\n")

    def eof_received(self) -> None:
        """Close."""
        self._close()

    def pause_writing(self) -> None:
        """Do nothing."""

    resume_writing = pause_writing

    def connection_lost(self, error: OSError | None) -> None:
        """Do nothing."""


class BareProtocol(asyncio.Protocol):
    """The same connection, on asyncio's own transport."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.WriteTransport)
        bare = Bare(transport.write, transport.close, self._answers)
        self.data_received = bare.data_received  # type: ignore[method-assign]  # no layer in between


async def serve(path: str, folder: Path | None) -> None:
    """Serve on a unix path, and with a folder for a certificate on every wire."""
    answers: dict[str, Any] = {"query-version": VERSION}
    devices: list[dict[str, str]] = []
    if folder is not None:
        wire_load.make_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
        chardevs = Chardevs(Host(credentials={"tls": TlsCredentials(context, True, False)}))
        for wire in wire_load.WIRES:
            device = await chardevs.add_described(parse_chardev(wire_load.device(wire)))
            device.attach(lambda stream: Bare(stream.write, stream.close, answers))
            devices.append({"label": wire, "filename": device.filename})
    answers["query-chardev"] = devices
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: BareProtocol(answers), path)
    await server.serve_forever()


def main() -> None:
    """Run `python -m benchmarks.bare_server PATH [FOLDER]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="unix path of the server")
    parser.add_argument("folder", nargs="?", type=Path, help="where to keep a certificate")
    options = parser.parse_args()
    loops.run(serve(options.path, options.folder))


if __name__ == "__main__":
    main()
