"""TLS: handshakes, authorisation, data and goodbyes."""

import dataclasses
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer.transport.filters import (
    Filter,
    Stacked,
    TelnetFilter,
    TLSFilter,
    WebSocketClientFilter,
    WebSocketFilter,
    x509_context,
)
from tests.transport.filters.certificates import Authority, Issued
from tests.transport.filters.wires import Ends, cut, each_byte, outcome


@dataclasses.dataclass
class Folders:
    """The folders of both ends, and the contexts made of them."""

    path: Path
    authority: Authority
    server: Issued
    client: Issued

    def server_context(self, *, verify_peer: bool = True, revoked: bool = False) -> ssl.SSLContext:
        folder = self.authority.fill(
            self.path / "server", server=self.server, revoked=[self.client] if revoked else ()
        )
        return x509_context(folder, server_side=True, verify_peer=verify_peer)

    def client_context(self, client: Issued | None, *, verify_peer: bool = True) -> ssl.SSLContext:
        folder = self.authority.fill(self.path / "client", client=client)
        return x509_context(folder, server_side=False, verify_peer=verify_peer)


@pytest.fixture
def folders(tmp_path: Path, authority: Authority) -> Folders:
    return Folders(tmp_path, authority, authority.issue("the server"), authority.issue("laptop"))


@pytest.fixture
def contexts(folders: Folders) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return folders.client_context(folders.client), folders.server_context()


def client_filter(context: ssl.SSLContext, host: str = "127.0.0.1") -> TLSFilter:
    return TLSFilter(context, server_side=False, server_hostname=host)


def server_filter(
    context: ssl.SSLContext, authorize: Callable[[str], bool] | None = None
) -> TLSFilter:
    return TLSFilter(context, server_side=True, authorize=authorize)


def test_two_who_know_each_other(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0]), server_filter(contexts[1]))
    assert ends.failures == (None, None)
    assert (ends.server.peer_name, ends.client.peer_name) == ("CN=laptop", "CN=the server")
    text = b'{"execute": "query-status"}' * 5000  # several records
    ends.exchange(ends.client.send(text), ends.server.send(text))
    assert ends.server_data == ends.client_data == text
    assert b"query-status" not in ends.wire


def test_a_record_is_handed_on_at_once(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0]), server_filter(contexts[1]))
    assert ends.server.receive(ends.client.send(b"{}")) == ([b"{}"], b"")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_any_chunking(contexts: tuple[ssl.SSLContext, ssl.SSLContext], size: int) -> None:
    client, server = client_filter(contexts[0]), server_filter(contexts[1])
    server.start()
    to_server, data = client.start(), b""
    while not (client.is_open and server.is_open):
        found = outcome(server, cut(to_server, [size] * len(to_server)))
        to_server = outcome(client, cut(found.output, [size] * len(found.output))).output
    last = client.send(b"{}") + client.send(b"[]" * 10000) + client.close()
    found = outcome(server, cut(to_server + last, [size] * len(to_server + last)))
    assert (data + found.data, found.has_ended, found.failure) == (
        b"{}" + b"[]" * 10000,
        True,
        None,
    )


def test_goodbyes(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0]), server_filter(contexts[1]))
    ends.exchange(ends.client.close())
    assert ends.failures == (None, None)
    assert ends.server.has_ended
    assert ends.server.is_open  # it may still answer
    assert ends.client.send(b"{}") == b""
    assert ends.client.receive(ends.server.send(b"late")) == ([], b"")
    assert not ends.client.is_open
    ends.server.receive_eof()
    assert ends.failures == (None, None)


def test_a_wire_cut_off(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0]), server_filter(contexts[1]))
    ends.server.receive_eof()
    assert "ended without a close_notify" in str(ends.server.failure)


def test_a_damaged_record(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0]), server_filter(contexts[1]))
    damaged = bytearray(ends.client.send(b"{}"))
    damaged[-1] ^= 1
    found = outcome(ends.server, [ends.client.send(b""), bytes(damaged)])
    assert found.data == b""
    assert found.failure is not None
    assert found.output  # an alert


def _ends_of(folders: Folders, client: Issued | None, **options: bool) -> Ends:
    server = server_filter(folders.server_context(**options))
    return Ends(client_filter(folders.client_context(client)), server)


def test_no_certificate(folders: Folders) -> None:
    ends = _ends_of(folders, None)
    assert ends.failures == (
        "the peer refuses us: certificate required",
        "the peer has sent no certificate",
    )
    assert not ends.server.has_opened


def test_no_certificate_where_none_is_asked_for(folders: Folders) -> None:
    ends = _ends_of(folders, None, verify_peer=False)
    assert ends.failures == (None, None)
    assert ends.server.is_open
    assert ends.server.peer_name is None


def test_a_certificate_of_another_authority(folders: Folders) -> None:
    ends = _ends_of(folders, Authority("another").issue("laptop"))
    assert ends.failures[1] is not None
    assert ends.failures[1].startswith("the peer's certificate is refused: unable to get")
    assert not ends.server.has_opened


def test_a_certificate_by_somebody_with_our_authoritys_name(folders: Folders) -> None:
    ends = _ends_of(folders, Authority().issue("laptop"))
    assert ends.failures[1] is not None
    assert ends.failures[1].startswith("the peer's certificate is refused: ")
    assert not ends.server.has_opened


@pytest.mark.parametrize(
    ("age", "reason"), [(3, "certificate has expired"), (-1, "certificate is not yet valid")]
)
def test_a_certificate_out_of_its_time(folders: Folders, age: int, reason: str) -> None:
    ends = _ends_of(folders, folders.authority.issue("laptop", age=age))
    assert ends.failures[1] == f"the peer's certificate is refused: {reason}"
    assert ends.failures[0] is not None
    assert ends.failures[0].startswith("the peer refuses us: ")


def test_a_revoked_certificate(folders: Folders) -> None:
    ends = _ends_of(folders, folders.client, revoked=True)
    assert ends.failures[1] == "the peer's certificate is refused: certificate revoked"


def test_another_certificate_than_the_revoked_one(folders: Folders) -> None:
    ends = _ends_of(folders, folders.authority.issue("desktop"), revoked=True)
    assert ends.failures == (None, None)


def test_a_server_with_another_name(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    ends = Ends(client_filter(contexts[0], "elsewhere.example"), server_filter(contexts[1]))
    assert ends.failures[0] is not None
    assert "elsewhere.example" in ends.failures[0]


@pytest.mark.parametrize(
    ("allowed", "failures"),
    [
        ("CN=laptop", (None, None)),
        ("CN=desktop", (None, "CN=laptop is not authorised")),
    ],
)
def test_authorisation(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], allowed: str, failures: tuple[str | None, ...]
) -> None:
    ends = Ends(
        client_filter(contexts[0]), server_filter(contexts[1], lambda name: name == allowed)
    )
    assert ends.failures == failures
    assert ends.server.has_opened is ends.server.is_open is (failures[1] is None)
    assert ends.client.has_ended is (failures[1] is not None)


def test_a_name_of_two_lines_makes_one_of_a_log(folders: Folders) -> None:
    server = server_filter(folders.server_context(), lambda name: False)
    client = folders.client_context(folders.authority.issue("lap\ntop"))
    ends = Ends(client_filter(client), server)
    assert ends.server.peer_name == "CN=lap\ntop"
    assert ends.failures[1] == "CN=lap\\ntop is not authorised"


def test_authorisation_of_nobody(folders: Folders) -> None:
    server = server_filter(folders.server_context(verify_peer=False), lambda name: True)
    ends = Ends(client_filter(folders.client_context(None)), server)
    assert ends.failures[1] == "the peer has sent no certificate that could be authorised"


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.filterwarnings("ignore:.*TLSv1.* is deprecated:DeprecationWarning")
def test_versions(folders: Folders, is_old: bool) -> None:
    client = folders.client_context(folders.client)
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1 if is_old else ssl.TLSVersion.TLSv1_2
    ends = Ends(client_filter(client), server_filter(folders.server_context()))
    assert ends.server.is_open is not is_old
    if is_old:
        reason = "the peer has no version of TLS that is new enough"
        assert ends.failures == ("the peer refuses us: protocol version", reason)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "found HTTP, expected TLS"),
        (b'{"execute":"qmp_capabilities"}\r\n', "found something else than TLS"),
        (bytes(range(256)) * 4, ""),
        (b"\x16\x03\x01\x00\x05hello", ""),
    ],
    ids=["HTTP", "JSON", "bytes", "a record of rubbish"],
)
def test_what_is_no_handshake(folders: Folders, given: bytes, reason: str) -> None:
    context = folders.server_context()
    for chunks in ([given], each_byte(given)):
        filter = server_filter(context)
        assert filter.start() == b""
        found = outcome(filter, chunks)
        assert found.failure is not None
        assert found.failure.startswith(reason)
        assert not found.has_opened
        assert filter.send(b"{}") == b""


def test_half_a_handshake(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client, server = client_filter(contexts[0]), server_filter(contexts[1])
    assert server.start() == b""
    hello = client.start()
    assert server.receive(hello[:-1]) == ([], b"")
    server.receive_eof()
    assert str(server.failure) == "the peer left during the TLS handshake"


# What stands upon TLS.


def _stacks(contexts: tuple[ssl.SSLContext, ssl.SSLContext], upper: Filter) -> Stacked:
    return Stacked(server_filter(contexts[1]), upper)


def test_telnet_on_top(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server = _stacks(contexts, TelnetFilter())
    assert server.start() == b""  # and above all no IAC
    ends = Ends(client_filter(contexts[0]), _stacks(contexts, TelnetFilter()))
    offers = bytes.fromhex("fffb01 fffb03 fffb00 fffd00")
    assert ends.client_data == offers
    assert offers not in ends.wire
    ends.exchange(
        ends.client.send(b"\xff\xfd\x01{\xff\xff}\xff\xfd\x22"), ends.server.send(b"\xff")
    )
    assert ends.server_data == b"{\xff}"
    assert ends.client_data == offers + b"\xff\xff" + b"\xff\xfc\x22"
    ends.exchange(ends.client.close())
    assert ends.server.has_ended
    assert ends.failures == (None, None)


def test_websocket_on_top(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client = Stacked(client_filter(contexts[0]), WebSocketClientFilter("localhost"))
    ends = Ends(client, _stacks(contexts, WebSocketFilter()))
    assert (ends.client.is_open, ends.server.is_open) == (True, True)
    assert ends.server.peer_name == "CN=laptop"
    assert ends.server.name == "WebSocket"
    assert b"HTTP" not in ends.wire
    ends.exchange(ends.client.send(b"{}"), ends.server.send(b"[]"))
    assert bytes(ends.server_data + ends.client_data) == b"{}[]"
    ends.exchange(ends.client.close())
    ends.server.receive_eof()
    assert ends.server.has_ended
    assert ends.failures == (None, None)


def test_the_names_of_a_stack(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server = _stacks(contexts, WebSocketFilter())
    server.start()
    assert server.name == "TLS"
    server.receive_eof()
    assert str(server.failure) == "the peer left during the TLS handshake"
    ends = Ends(client_filter(contexts[0]), _stacks(contexts, WebSocketFilter()))
    ends.exchange(ends.client.close())
    assert str(ends.server.failure) == "the peer left during the WebSocket handshake"


def test_what_the_upper_one_refuses_is_answered_through_the_lower(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    ends = Ends(client_filter(contexts[0]), _stacks(contexts, WebSocketFilter()))
    ends.exchange(ends.client.send(b"POST / HTTP/1.1\r\n\r\n"))
    assert ends.client_data.startswith(b"HTTP/1.1 400 ")
    assert str(ends.server.failure) == "found no GET request of HTTP 1.1"
    ends.exchange(from_server=ends.server.close())
    assert ends.client.has_ended
