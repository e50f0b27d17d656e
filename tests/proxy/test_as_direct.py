"""The same bytes, sent to a real QEMU and sent through a proxy, give the same bytes.

[An infinite number differs: in an id it comes back as null, in arguments it is refused.]

Modules: door, hub, known_answers, server_connection, session.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

NEGOTIATIONS = {
    "not negotiated": b"",
    "negotiated": b'{"execute":"qmp_capabilities"}',
    "with oob": b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n',
}
# A control byte ends whatever is unfinished.
END = b'\x01{"execute":"query-target","id":"the end"}\n'


def _name(id: bytes) -> bytes:
    return b'{"execute":"query-name","id":' + id + b"}"


def _get(text: bytes) -> bytes:
    return b'{"execute":"qom-get","arguments":{"path":"/","property":' + text + b"}}"


def _cpu(number: bytes) -> bytes:
    line = b'{"execute":"human-monitor-command","arguments":{"command-line":"info version",'
    return line + b'"cpu-index":' + number + b"}}"


_OOB = {
    "allowed": b'{"exec-oob":"query-yank","id":3}',
    "not allowed": b'{"exec-oob":"query-name","id":3}',
    "unknown": b'{"exec-oob":"nope","id":3}',
    "negotiation": b'{"exec-oob":"qmp_capabilities","id":3}',
    "known to the proxy": b'{"exec-oob":"query-version","id":3}',
    "wrong arguments": b'{"exec-oob":"query-yank","arguments":[],"id":3}',
    "not a string": b'{"exec-oob":1,"id":3}',
}
TEXTS = {
    "ids": b"".join(
        map(
            _name,
            (b"null", b"true", b"1", b"1.0", b"0.1", b"1e2", b"1e17", b"-0", b"-0.0", b"1e-400"),
        )
    ),
    "large ids": b"".join(
        map(_name, (b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809"))
    ),
    "text ids": b"".join(map(_name, (b'""', b"'q'", b'"\\u0000\\ud834\\udd1e"', '"é😀"'.encode()))),
    "nested ids": _name(b'[1,[2,{"a":null}]]') + _name(b'{"zeta":1,"alpha":2,"m":3,"":5}'),
    "the same id twice": _name(b"1") * 2,
    "no id": b'{"execute":"query-name"}{"execute":"nope"}',
    **{f"number {n.decode()}": _cpu(n) for n in (b"1.0", b"-1", b"-0.0", b"null", b"[]")},
    **{
        f"number {n.decode()}": _cpu(n)
        for n in (b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809")
    },
    "a member twice": b'{"execute":"query-name","execute":"query-name"}',
    "an argument twice": b'{"execute":"qom-get","arguments":{"path":"/","pa\\u0074h":"/"}}',
    "a zero character": _get(b'"\\u0000"') + _get(b'"\xc0\x80"'),
    "a zero byte": _get(b'"\x00"'),
    "a lone surrogate": _get(b'"\\ud800"') + _get(b'"\xed\xa0\x80"'),
    "a noncharacter": _get(b'"\\uffff"') + _get(b'"\xef\xbf\xbf"'),
    "escapes": _get(b'"\\u0001\\b\\f\\n\\r\\t\\/\\\'\x7f"'),
    "pairs": _get(b'"\\ud834\\udd1e"') + _get("'é😀'".encode()),
    "not UTF-8": _get(b'"\xe9"'),
    "odd names": b'{"execute":""}{"execute":"caf\xc3\xa9"}{"execute":"a\\u0000b"}',
    "a pattern": b'{"execute":"%s%n"}{"execute":"%p"}',
    "a long name": b'{"execute":"' + b"x" * 5000 + b'"}',
    "arguments": b'{"execute":"query-name","arguments":{}}{"execute":"stop","arguments":null}',
    "unexpected": b'{"execute":"query-name","foo":1,"id":3}{"execute":"stop","arguments":{"a":1}}',
    "both verbs": b'{"execute":"query-name","exec-oob":"query-yank","id":3}',
    "negotiation again": b'{"execute":"qmp_capabilities","id":3}' * 2,
    "negotiation again, wrong": b'{"execute":"qmp_capabilities","arguments":{"x":1},"id":3}',
    "the version": b'{"execute":"query-version","id":3}',
    "the version, wrong": b'{"execute":"query-version","arguments":{"x":1},"id":3}',
    "the schema": b'{"execute":"query-qmp-schema","id":3}{"execute":"query-qmp-schema"}',
    "the schema, wrong": b'{"execute":"query-qmp-schema","arguments":{"x":1},"id":3}',
    "commands": b'{"execute":"query-commands"}{"execute":"query-command-line-options"}',
    "no objects": b'[]"x"\n42\nnull null\n{}{},{}',
    "another protocol": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "odd bytes": b'\xff{"execute":"query-name"}\xff\xfe\xff',
    "unfinished": b'{"execute":"query-name",\n',
    "deep": b'{"execute":"nope","arguments":{"a":' + b"[" * 1022 + b"]" * 1022 + b"}}",
    "too deep": _name(b"[" * 1024 + b"]" * 1024),
    "errors": b'{"execute":"device_add","arguments":{"driver":"nope"},"id":1}'
    b'{"execute":"balloon","arguments":{"value":1},"id":2}'
    b'{"execute":"closefd","arguments":{"fdname":"\\u0000x\\ud834\\udd1e\xc3\xa9"}}'
    b'{"execute":"getfd","arguments":{"fdname":"x"}}{"execute":"x-query-irq"}',
    "human": b'{"execute":"human-monitor-command","arguments":{"command-line":"p 1\\n\xc3\xa9"}}',
    "events": b'{"execute":"stop","id":1}{"execute":"cont","id":2}',
    **{f"out of band, {name}": text for name, text in _OOB.items()},
}


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]
) -> Iterator[Path]:
    """Start a QEMU with two monitors, and a proxy in front of the second."""
    folder = tmp_path_factory.mktemp("direct")
    monitors: list[str] = []
    for name in ("direct", "second"):
        monitors += ["-qmp", f"unix:{folder}/{name},server=on,wait=off"]
    listener = ("-qmp", f"unix:{folder}/proxy,server=on,wait=off")
    proxy = [sys.executable, "-m", "qmpeer", "proxy", f"{folder}/second", *listener]
    with subprocess.Popen([program(QEMU), *BASE, *monitors]) as qemu:
        until_listening(folder / "second", qemu)
        with subprocess.Popen(proxy) as process:
            until_listening(folder / "proxy", process)
            yield folder
            process.terminate()
        qemu.terminate()


def _answers(path: Path, text: bytes) -> bytes:
    received = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(text + END)
        while b'"id": "the end"' not in received or received[-1:] != b"\n":
            data = sock.recv(1 << 20)
            assert data, received
            received += data
    return re.sub(rb'"timestamp": {.*?}', b'"timestamp": {}', received)


@pytest.mark.parametrize("negotiation", NEGOTIATIONS)
def test_the_same_bytes_give_the_same_bytes(folder: Path, negotiation: str) -> None:
    for name, text in TEXTS.items():
        whole = NEGOTIATIONS[negotiation] + text
        direct, proxied = (_answers(folder / each, whole) for each in ("direct", "proxy"))
        if name.startswith("out of band"):  # its answer may overtake the error of a control byte
            assert sorted(proxied.splitlines()) == sorted(direct.splitlines()), name
        else:
            assert proxied == direct, name
