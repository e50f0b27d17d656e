"""Sources that somebody made to do harm, read by a process that is held to its time and memory."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.patience import PATIENCE

SECONDS: Final = 5
MEMORY: Final = 600 * 1024 * 1024
_BOUNDED: Final = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
from qmpeer.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
ENTITY: Final = b'{"name":"0","meta-type":"object","members":[]}'
GREETING: Final = (
    b'{"QMP":{"version":{"qemu":{"micro":0,"minor":2,"major":7},"package":""},"capabilities":[]}}\n'
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's here")


def run(*words: str) -> tuple[int, str]:
    """Return the exit status and the text on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


def check(result: tuple[int, str], status: int, text: str) -> None:
    found, errors = result
    assert text in errors
    assert errors.startswith("qmpeer schema: ")
    assert found == status
    assert "Traceback" not in errors
    assert len(errors) < 50_000


TEXTS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "QAPI of 100 MB": (lambda: b"{ 'event': 'A' }\n" * 6_000_000, "at most 16777216 bytes"),
    "an answer of 100 MB": (
        lambda: b"[%b]" % b",".join([ENTITY] * 2_100_000),
        "at most 16777216 bytes",
    ),
    "a doc comment of 10 MB": (
        lambda: b"##\n# @A:\n#\n%b##\n{ 'event': 'A' }\n" % (b"# text\n" * 1_500_000),
        "at most 4194304 bytes",
    ),
    "blanks": (lambda: b" " * 16_000_000, "at most 4194304 bytes"),
    "values up to the limit": (
        lambda: b"{ 'enum': 'A', 'data': [ %b ] }" % (b"'aaaa', " * 499_000 + b"3"),
        "found '3', expected a value",
    ),
    "no answer in many values": (lambda: b"{}" * 8_000_000, "holds no answer"),
    "arrows": (lambda: b"-> {}\n" * 2_500_000, "holds no answer"),
    "an object of 5 million members": (
        lambda: b'[{"name":"0","meta-type":"object","members":[{}%b]}]' % (b",{}" * 5_400_000),
        "missing required field `name`",
    ),
    "an object of 5 million arrays": (
        lambda: b'[{"name":"0","meta-type":"object","members":[[]%b]}]' % (b",[]" * 5_400_000),
        "Expected `object`, got `array`",
    ),
    "JSON nested deeply": (lambda: b'[{"meta-type":' + b"[" * 4_000_000, "nested too deeply"),
    "a number of 15 million digits": (
        lambda: b'[{"meta-type":%b}]' % (b"1" * 15_000_000),
        "too many digits",
    ),
    "a name of 15 MB": (
        lambda: b'[{"name":"%b","meta-type":"event","arg-type":"0"}]' % (b"a" * 15_000_000),
        "it refers to '0', which is not among the types",
    ),
    "a truncated answer": (lambda: b"[%b" % ENTITY, "this is no JSON"),
    "an answer that is not UTF-8": (lambda: b'[{"meta-type":"\xff"}]', "byte 0xff"),
    "an answer with a NUL": (lambda: b"[%b,\0]" % ENTITY, "this is no JSON"),
    "control characters in names": (
        lambda: b'[{"name":"\\u001b[31m","meta-type":"event","arg-type":"0"},%b]' % ENTITY,
        r"'\x1b[31m' is no name",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_file(name: str, tmp_path: Path) -> None:
    make, text = TEXTS[name]
    file = tmp_path / "schema.json"
    file.write_bytes(make())
    check(run("schema", "dump", str(file)), 1, text)


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "/dev/urandom", "directory"])
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    check(run("schema", "dump", str(tmp_path / name)), 3, "Not a regular file")


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "directory", "."])
def test_include_of_what_is_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    file = tmp_path / "schema.json"
    file.write_text(f"{{ 'include': '{name}' }}\n")
    check(run("schema", "dump", str(file)), 1, "can't be read: Not a regular file")


def test_links_that_lead_round_end(tmp_path: Path) -> None:
    """Every way round gives the file another name."""
    (tmp_path / "again").symlink_to(tmp_path)
    file = tmp_path / "schema.json"
    file.write_text("{ 'include': 'again/schema.json' }\n")
    check(run("schema", "dump", str(file)), 1, "Too many levels of symbolic links")


# --- A server -----------------------------------------------------------------------------------


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[bytes, bytes], str]]:
    """Return what starts a server that greets, and then sends two texts, the last without end."""
    listeners: list[socket.socket] = []

    def start(first: bytes, rest: bytes) -> str:
        path = str(tmp_path / "server.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listeners.append(listener)
        threading.Thread(target=_answer, args=(listener, first, rest), daemon=True).start()
        return path

    yield start
    for listener in listeners:
        listener.close()


def _answer(listener: socket.socket, first: bytes, rest: bytes) -> None:
    client, _ = listener.accept()
    with client:
        try:
            client.sendall(GREETING)
            client.recv(4096)
            client.sendall(b'{"return":{}}\n')
            client.recv(4096)
            client.sendall(first)
            while rest:
                client.sendall(rest)
            client.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            pass


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b'{"return":[', b"%b," % ENTITY * 1000),
        (b'{"return":"', b"a" * 65536),
        (b"", b'{"event":"STOP","timestamp":{"seconds":1,"microseconds":1}}\n' * 1000),
        (b"", b"\n" * 65536),
    ],
    ids=["answer", "string", "events", "blank lines"],
)
def test_server_without_end(
    serve: Callable[[bytes, bytes], str], first: bytes, rest: bytes
) -> None:
    check(run("schema", "dump", serve(first, rest)), 1, "sends too much: at most 16777216 bytes")


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (b'{"return":{}}\n', 1, "not an answer of query-qmp-schema"),
        (b'{"return":[3]}\n', 1, "not an answer of query-qmp-schema"),
        (b'{"error":{"class":"CommandNotFound","desc":"no"}}\n', 1, "has no query-qmp-schema"),
        (b'{"return":%b%b}\n' % (b"[" * 100_000, b"]" * 100_000), 3, "nesting"),
    ],
    ids=["object", "numbers", "no such command", "nested deeply"],
)
def test_server_with_an_odd_answer(
    serve: Callable[[bytes, bytes], str], reply: bytes, status: int, text: str
) -> None:
    check(run("schema", "dump", serve(reply, b"")), status, text)
