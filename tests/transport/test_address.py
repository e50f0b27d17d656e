"""The forms of an address."""

import socket
from pathlib import Path

import pytest

from qmpeer.transport import Address, AddressLike, parse_address, register_scheme
from qmpeer.transport.address import _SCHEMES, address_of


def unix(path: str) -> Address:
    return Address(scheme="unix", path=path)


def tcp(host: str, port: int) -> Address:
    return Address(scheme="tcp", host=host, port=port)


FORMS: dict[str, tuple[AddressLike, Address, str]] = {
    "unix": ("unix:/run/vm.qmp", unix("/run/vm.qmp"), "unix:/run/vm.qmp"),
    "unix relative": ("unix:vm.qmp", unix("vm.qmp"), "unix:vm.qmp"),
    "unix with colons": ("unix:/run/a:1", unix("/run/a:1"), "unix:/run/a:1"),
    "abstract": ("unix:@vm", unix("@vm"), "unix:@vm"),
    "longest path": ("unix:" + "x" * 107, unix("x" * 107), "unix:" + "x" * 107),
    "longest abstract": ("unix:@" + "x" * 107, unix("@" + "x" * 107), "unix:@" + "x" * 107),
    "tcp": ("tcp:localhost:4444", tcp("localhost", 4444), "tcp:localhost:4444"),
    "tcp every interface": ("tcp::4444", tcp("", 4444), "tcp::4444"),
    "tcp IPv6": ("tcp:[::1]:4444", tcp("::1", 4444), "tcp:[::1]:4444"),
    "bare IPv6": ("[::1]:4444", tcp("::1", 4444), "tcp:[::1]:4444"),
    "scoped IPv6": ("[fe80::1%eth0]:1", tcp("fe80::1%eth0", 1), "tcp:[fe80::1%eth0]:1"),
    "vsock": ("vsock:3:1234", Address(scheme="vsock", cid=3, port=1234), "vsock:3:1234"),
    "fd": ("fd:7", Address(scheme="fd", fd=7), "fd:7"),
    "bare host and port": ("localhost:4444", tcp("localhost", 4444), "tcp:localhost:4444"),
    "bare port": (":4444", tcp("", 4444), "tcp::4444"),
    "bare path": ("/run/vm.qmp", unix("/run/vm.qmp"), "unix:/run/vm.qmp"),
    "bare path with a port": ("./vm:4444", unix("./vm:4444"), "unix:./vm:4444"),
    "bare word": ("vm.qmp", unix("vm.qmp"), "unix:vm.qmp"),
    "bare word with a colon": ("vm:qmp", unix("vm:qmp"), "unix:vm:qmp"),
    "path object": (Path("vm:4444"), unix("vm:4444"), "unix:vm:4444"),
    "path object with @": (Path("@vm"), unix("./@vm"), "unix:./@vm"),
    "pair": (("::1", 4444), tcp("::1", 4444), "tcp:[::1]:4444"),
    "address": (unix("x"), unix("x"), "unix:x"),
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
    "tcp without port": ("tcp:localhost", "found 'localhost', expected HOST:PORT"),
    "tcp with a word as port": ("tcp:localhost:http", "found 'localhost:http', expected HOST:PORT"),
    "tcp with options": ("tcp:localhost:1,server", "expected HOST:PORT"),
    "tcp as url": ("tcp://localhost:1", "found '//localhost:1', expected HOST:PORT"),
    "port too high": (
        "tcp:localhost:65536",
        "found '65536', expected a port: a number up",
    ),
    "endless port": ("tcp:localhost:" + "1" * 5000, "expected a port"),
    "IPv6 without brackets": ("::1:4444", "an IPv6 address stands in brackets"),
    "vsock without port": ("vsock:3", "found '', expected a port"),
    "vsock with a word": ("vsock:host:1", "found 'host', expected a CID"),
    "fd with a word": ("fd:stdin", "found 'stdin', expected a file descriptor"),
    "negative fd": ("fd:-1", "found '-1', expected a file descriptor"),
    "tls": ("tls:localhost:1", "found 'tls:localhost:1', but tls is not available yet; expected"),
    "ws": ("ws://localhost:1", "ws is not available yet; expected unix:PATH"),
    "wss": ("wss://localhost:1", "wss is not available yet"),
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


def test_other_rooms_add_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_SCHEMES, "nats", _SCHEMES["fd"])  # so that it is put back
    register_scheme("nats", lambda text: Address(scheme="nats", text=text))
    address = parse_address("nats://server/host/vm")
    assert address == Address(scheme="nats", text="//server/host/vm")
    assert str(address) == "nats://server/host/vm"


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
