"""The identity of a peer: credentials of the kernel, a certificate, an address."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path

import pytest

from qmpeer.transport import PeerIdentity, TcpAddress
from qmpeer.transport.aio import Stream, start_listening
from qmpeer.transport.aio.filtered_stream import FilterFactory, filtered
from qmpeer.transport.filters import TelnetFilter, TLSFilter, x509_context
from qmpeer.transport.peer_identity import UNKNOWN, peer_identity, process_name
from tests.patience import PATIENCE
from tests.transport.filters.certificates import Authority
from tests.transport.recorder import Recorder

ME = PeerIdentity(pid=os.getpid(), uid=os.geteuid(), gid=os.getegid())
_CONNECT = r"""
import os, socket, sys
if sys.argv[2] != "same":
    os.setegid(12345)
    os.seteuid(int(sys.argv[2]))
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1].replace("@", "\0"))
client.recv(1)
"""


def test_the_other_end_of_a_unix_socket() -> None:
    one, two = socket.socketpair()
    with one, two:
        assert peer_identity(one) == peer_identity(two) == ME
    assert peer_identity(one) == UNKNOWN == PeerIdentity()


def test_a_socket_without_a_peer() -> None:
    with socket.socket(socket.AF_UNIX) as unix, socket.socket() as tcp:
        assert peer_identity(unix) == peer_identity(tcp) == UNKNOWN


@pytest.mark.parametrize("user", ["same", "12346"])
def test_the_process_that_has_connected(user: str) -> None:
    """Its effective user when it connected: it may change it later."""
    if user != "same" and os.geteuid() != 0:
        pytest.skip("only root can be another user")
    path = f"@qmpeer-{uuid.uuid4()}"  # abstract, so that any user may connect
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.replace("@", "\0"))
        listener.listen()
        listener.settimeout(PATIENCE)
        with subprocess.Popen([sys.executable, "-c", _CONNECT, path, user]) as process:
            client, _ = listener.accept()
            found = peer_identity(client)
            expected = (ME.uid, ME.gid) if user == "same" else (12346, 12345)
            assert (found.pid, found.uid, found.gid) == (process.pid, *expected)
            client.close()


class Seen(Recorder):
    """A handler that asks at once who is there, as a monitor does."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.identity = stream.identity


async def seen(
    path: Path | None, client: ssl.SSLContext | None = None, *filters: FilterFactory
) -> Seen:
    """Connect to a listener, and return the handler that it made."""
    made: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()

    def make(stream: Stream) -> Seen:
        handler = Seen(stream)
        made.set_result(handler)
        return handler

    address = TcpAddress("127.0.0.1", 0) if path is None else str(path)
    listener = await start_listening(address, filtered(make, filters))
    if path is not None:
        _, writer = await asyncio.open_unix_connection(str(path))
    else:
        assert isinstance(listener.address, TcpAddress)
        name = None if client is None else "127.0.0.1"
        _, writer = await asyncio.open_connection(
            "127.0.0.1", listener.address.port, ssl=client, server_hostname=name
        )
    async with asyncio.timeout(PATIENCE):
        handler = await made
        expected = "tcp:{}:{}".format(*writer.get_extra_info("sockname")[:2]) if not path else None
        assert handler.identity.address == expected
        handler.stream.abort()
        await handler.until(lambda: handler.is_lost)
        writer.close()
    listener.close()
    return handler


async def test_streams_know_it(tmp_path: Path) -> None:
    assert (await seen(tmp_path / "q")).identity == ME
    assert (await seen(tmp_path / "t", None, TelnetFilter)).identity == ME
    handler = await seen(None)
    assert handler.identity == PeerIdentity(address=handler.identity.address)
    assert handler.stream.identity == UNKNOWN  # it is closed


async def test_the_name_in_a_certificate(tmp_path: Path) -> None:
    authority, folder = Authority(), tmp_path / "pki"
    authority.fill(folder, server=authority.issue("server"), client=authority.issue("laptop"))
    client = x509_context(folder, server_side=False)
    for verify, name in ((True, "CN=laptop"), (False, None)):
        server = x509_context(folder, server_side=True, verify_peer=verify)
        tls = partial(TLSFilter, server, server_side=True)
        assert (await seen(None, client, tls)).identity.certificate == name


def test_names_of_processes() -> None:
    assert process_name(os.getpid()) == Path("/proc/self/comm").read_text().rstrip("\n")
    gone = subprocess.Popen(["true"])
    gone.wait(PATIENCE)
    assert process_name(gone.pid) is None
