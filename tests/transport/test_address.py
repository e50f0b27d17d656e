"""The forms of an address."""

import socket
from pathlib import Path
from typing import ClassVar

import pytest

from qmpeer.transport import (
    Address,
    AddressLike,
    TcpAddress,
    UnixAddress,
    parse_address,
    register_scheme,
)
from qmpeer.transport.address import FdAddress, VsockAddress, address_of
from qmpeer.transport.filtered_address import TlsAddress, TlsOptions, WsAddress, WssAddress
from qmpeer.transport.schemes import _SCHEMES

FORMS: dict[str, tuple[AddressLike, Address, str]] = {
    "unix": ("unix:/run/vm.qmp", UnixAddress("/run/vm.qmp"), "unix:/run/vm.qmp"),
    "unix relative": ("unix:vm.qmp", UnixAddress("vm.qmp"), "unix:vm.qmp"),
    "unix with colons": ("unix:/run/a:1", UnixAddress("/run/a:1"), "unix:/run/a:1"),
    "abstract": ("unix:@vm", UnixAddress("@vm"), "unix:@vm"),
    "longest path": ("unix:" + "x" * 107, UnixAddress("x" * 107), "unix:" + "x" * 107),
    "longest abstract": ("unix:@" + "x" * 107, UnixAddress("@" + "x" * 107), "unix:@" + "x" * 107),
    "tcp": ("tcp:localhost:4444", TcpAddress("localhost", 4444), "tcp:localhost:4444"),
    "tcp every interface": ("tcp::4444", TcpAddress("", 4444), "tcp::4444"),
    "tcp IPv6": ("tcp:[::1]:4444", TcpAddress("::1", 4444), "tcp:[::1]:4444"),
    "bare IPv6": ("[::1]:4444", TcpAddress("::1", 4444), "tcp:[::1]:4444"),
    "scoped IPv6": ("[fe80::1%eth0]:1", TcpAddress("fe80::1%eth0", 1), "tcp:[fe80::1%eth0]:1"),
    "vsock": ("vsock:3:1234", VsockAddress(3, 1234), "vsock:3:1234"),
    "fd": ("fd:7", FdAddress(7), "fd:7"),
    "tls": ("tls:vm.example:4444", TlsAddress("vm.example", 4444), "tls:vm.example:4444"),
    "tls with options": (
        "tls:[::1]:4444?dir=/etc/pki/a%20b&tls-hostname=vm.example&verify-peer=off",
        TlsAddress("::1", 4444, TlsOptions("/etc/pki/a b", "vm.example", verify_peer=False)),
        "tls:[::1]:4444?dir=/etc/pki/a%20b&tls-hostname=vm.example&verify-peer=off",
    ),
    "tls in small pieces": (
        "tls:a:1?one-byte-records=on",
        TlsAddress("a", 1, TlsOptions(one_byte_records=True)),
        "tls:a:1?one-byte-records=on",
    ),
    "ws": ("ws://localhost:5/", WsAddress("localhost", 5), "ws://localhost:5/"),
    "ws alone": ("ws://localhost", WsAddress("localhost", 80), "ws://localhost:80/"),
    "ws with a path": (
        "ws://[::1]:5/a/b%20c",
        WsAddress("::1", 5, "/a/b%20c"),
        "ws://[::1]:5/a/b%20c",
    ),
    "wss": (
        "wss://[::1]/?verify-peer=on&dir=x",
        WssAddress("::1", 443, "/", TlsOptions("x")),
        "wss://[::1]:443/?dir=x",
    ),
    "bare host and port": ("localhost:4444", TcpAddress("localhost", 4444), "tcp:localhost:4444"),
    "bare port": (":4444", TcpAddress("", 4444), "tcp::4444"),
    "bare path": ("/run/vm.qmp", UnixAddress("/run/vm.qmp"), "unix:/run/vm.qmp"),
    "bare path with a port": ("./vm:4444", UnixAddress("./vm:4444"), "unix:./vm:4444"),
    "bare word": ("vm.qmp", UnixAddress("vm.qmp"), "unix:vm.qmp"),
    "bare word with digits": ("5555.sock", UnixAddress("5555.sock"), "unix:5555.sock"),
    "bare word like a host": ("localhost.qmp", UnixAddress("localhost.qmp"), "unix:localhost.qmp"),
    "path of digits": ("./5555", UnixAddress("./5555"), "unix:./5555"),
    "unix of digits": ("unix:5555", UnixAddress("5555"), "unix:5555"),
    "unix like a host": ("unix:localhost", UnixAddress("localhost"), "unix:localhost"),
    "path object of digits": (Path("5555"), UnixAddress("5555"), "unix:5555"),
    "bare word with a colon": ("vm:qmp", UnixAddress("vm:qmp"), "unix:vm:qmp"),
    "path object": (Path("vm:4444"), UnixAddress("vm:4444"), "unix:vm:4444"),
    "path object with @": (Path("@vm"), UnixAddress("./@vm"), "unix:./@vm"),
    "pair": (("::1", 4444), TcpAddress("::1", 4444), "tcp:[::1]:4444"),
    "address": (UnixAddress("x"), UnixAddress("x"), "unix:x"),
}


@pytest.mark.parametrize(("form", "address", "text"), FORMS.values(), ids=list(FORMS))
def test_forms(form: AddressLike, address: Address, text: str) -> None:
    assert parse_address(form) == address
    assert str(address) == text
    assert parse_address(text) == address


MISTAKES: dict[str, tuple[object, str]] = {
    "empty": ("", "found '', expected the path"),
    "empty path": ("unix:", "found '', expected the path"),
    "only @": ("unix:@", "found '@', expected the path"),
    "NUL": ("unix:a\0b", "expected the path"),
    "long path": (
        "unix:" + "x" * 108,
        f"UNIX socket path '{'x' * 108}' is too long: found 108 bytes, expected at most 107",
    ),
    "long in bytes": ("unix:" + "é" * 54, "is too long: found 108 bytes"),
    "port alone": ("5555", "found '5555', expected localhost:5555 for TCP, or unix:5555 for"),
    "host alone": ("localhost", "found 'localhost', expected localhost:PORT for TCP, or unix:loc"),
    "host in capitals": ("LOCALHOST", "found 'LOCALHOST', expected LOCALHOST:PORT"),
    "host without its port": ("localhost:", "found 'localhost:', expected localhost:PORT"),
    "host with a word as port": ("localhost:http", "expected localhost:PORT for TCP"),
    "host with blanks": ("127.0.0.1:55 55", "expected 127.0.0.1:PORT for TCP"),
    "IPv4 alone": ("127.0.0.1", "found '127.0.0.1', expected 127.0.0.1:PORT"),
    "every IPv4": ("0.0.0.0", "expected 0.0.0.0:PORT"),
    "IPv6 in brackets alone": ("[::1]", r"found '\[::1\]', expected \[::1\]:PORT"),
    "IPv6 alone": ("fe80::a", r"found 'fe80::a', expected \[fe80::a\]:PORT"),
    "scoped IPv6 alone": ("fe80::a%eth0", r"expected \[fe80::a%eth0\]:PORT"),
    "tcp without port": ("tcp:localhost", "found 'localhost', expected HOST:PORT"),
    "tcp with a word as port": ("tcp:localhost:http", "found 'localhost:http', expected HOST:PORT"),
    "tcp with options": ("tcp:localhost:1,server", "expected HOST:PORT"),
    "tcp as url": ("tcp://localhost:1", "found '//localhost:1', expected HOST:PORT"),
    "port too high": (
        "tcp:localhost:65536",
        "found '65536', expected a port: a number up",
    ),
    "endless port": ("tcp:localhost:" + "1" * 5000, "expected a port"),
    "IPv6 without brackets": ("::1:4444", "write an IPv6 address in brackets"),
    "vsock without port": ("vsock:3", "found '', expected a port"),
    "vsock with a word": ("vsock:host:1", "found 'host', expected a CID"),
    "fd with a word": ("fd:stdin", "found 'stdin', expected a file descriptor"),
    "negative fd": ("fd:-1", "found '-1', expected a file descriptor"),
    "tls without port": ("tls:localhost", "found 'localhost', expected HOST:PORT"),
    "tls without host": ("tls::1", "found ':1', expected tls:HOST:PORT"),
    "tls as url": ("tls://localhost:1", "found '//localhost:1', expected HOST:PORT"),
    "tls with an unknown option": (
        "tls:a:1?ca=x",
        "found the option 'ca=x', expected dir=, tls-hostname=, verify-peer= or",
    ),
    "tls with an option twice": (
        "tls:a:1?dir=x&dir=y",
        "found the option 'dir=y', expected .*once",
    ),
    "tls with an empty option": ("tls:a:1?dir=", "found the option 'dir=', expected a value"),
    "tls with a NUL": ("tls:a:1?dir=%00", "found the option 'dir=%00', expected a value"),
    "tls that is verified somehow": ("tls:a:1?verify-peer=1", "expected verify-peer=on or =off"),
    "ws without slashes": (
        "ws:localhost:1",
        "found 'ws:localhost:1', expected ws://HOST",
    ),
    "ws without host": ("ws://:1", "found 'ws://:1', expected ws://HOST"),
    "ws with options": ("ws://a/?dir=x", "options are for TLS"),
    "ws with a fragment": ("ws://a/#x", "found 'ws://a/#x', expected ws://HOST"),
    "ws with a blank": ("ws://a/b c", "found 'ws://a/b c', expected ws://HOST"),
    "ws with a line": ("ws://a/\r\nHost: b", "expected ws://HOST"),
    "ws with a user": ("ws://me@a:b/", "found 'me@a:b', expected HOST:PORT"),
    "wss without slashes": ("wss:localhost:1", "expected wss://HOST"),
    "ssh": ("ssh://host/run/vm.qmp", "ssh is not available yet"),
    "nats": ("nats://server/host/vm", "nats is not available yet"),
    "another scheme": ("http://localhost", "there is no scheme 'http'; expected unix:PATH"),
    "pair with a text": (
        ("localhost", "1"),
        r"found \('localhost', '1'\), expected \(host",
    ),
    "pair with a high port": (("localhost", 65536), "up to 65535"),
    "not text": (5, "found 5, expected an address such as unix:PATH"),
}


@pytest.mark.parametrize(("form", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes(form: AddressLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(form)


def test_a_socket_is_passed_through() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        assert parse_address(sock) is sock


class NatsAddress(Address, frozen=True):
    scheme: ClassVar[str] = "nats"
    form: ClassVar[str] = "nats://SERVER/HOST/VM"

    text: str

    @classmethod
    def parse(cls, text: str) -> "NatsAddress":
        return cls(text)

    def __str__(self) -> str:
        return f"nats:{self.text}"


def test_other_rooms_add_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_SCHEMES, "nats", FdAddress)  # so that it is put back
    register_scheme(NatsAddress)
    address = parse_address("nats://server/host/vm")
    assert address == NatsAddress("//server/host/vm")
    assert str(address) == "nats://server/host/vm"
    with pytest.raises(ValueError, match=r"unix:PATH, .*, nats://SERVER/HOST/VM, HOST:PORT or"):
        parse_address("http://server")


SOCKADDRS = {
    "unnamed": (socket.AF_UNIX, "", "unix:"),
    "unix": (socket.AF_UNIX, "/run/x", "unix:/run/x"),
    "abstract": (socket.AF_UNIX, b"\0vm", "unix:@vm"),
    "IPv4": (socket.AF_INET, ("127.0.0.1", 5), "tcp:127.0.0.1:5"),
    "IPv6": (socket.AF_INET6, ("::1", 5, 0, 0), "tcp:[::1]:5"),
    "vsock": (socket.AF_VSOCK, (3, 5), "vsock:3:5"),
    "another": (socket.AF_PACKET, ("lo", 5), "socket:('lo', 5)"),
}


@pytest.mark.parametrize(("family", "sockaddr", "text"), SOCKADDRS.values(), ids=list(SOCKADDRS))
def test_sockaddrs(family: int, sockaddr: object, text: str) -> None:
    assert str(address_of(family, sockaddr)) == text
