"""Malicious schema sources: each ends in a one-line error, and takes little memory.

They are as large as the limits, which are made small here. The tests marked slow read them in their
real size, in a process with limited time and memory.
"""

import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from qmpeer import limits
from tests.cli.programs import run_here
from tests.patience import PATIENCE
from tests.schema.sizes import smaller_limits, with_limits
from tests.sources.scripted import DONE, GREETING, Serve, serving

SECONDS: Final = 5
MEMORY: Final = 600 * 1024 * 1024
"""What a process may take for a source of the largest size, the process itself included."""
DIVISOR: Final = 64
_BOUNDED: Final = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
from qmpeer.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
ENTITY: Final = b'{"name":"0","meta-type":"object","members":[]}'

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's here")


def run(*words: str) -> tuple[int, str]:
    """Return the exit status and standard error of a run with small limits."""
    with smaller_limits(DIVISOR), _room_for(MEMORY):
        tracemalloc.start()
        try:
            done = run_here(*words)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert done.out == b""
    assert most < MEMORY // DIVISOR
    return done.status, done.err.decode()


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    """Limit this process to so much more memory than it uses now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run_bounded(*words: str) -> tuple[int, str]:
    """Do the same as run(), in a process of its own."""
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


def filling(form: bytes, share: float = 0.9) -> bytes:
    """Repeat a text until it takes this share of the allowed size."""
    return form * int(limits.SCHEMA_SIZE * share / len(form))


def of_members(form: bytes) -> bytes:
    return b'[{"name":"0","meta-type":"object","members":[%b]}]' % filling(form + b",")[:-1]


TEXTS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "QAPI": (lambda: filling(b"{ 'event': 'A' }\n", 6), "at most {SCHEMA_SIZE} bytes"),
    "an answer": (lambda: b"[%b]" % filling(ENTITY + b",", 6)[:-1], "at most {SCHEMA_SIZE} bytes"),
    "a doc comment": (
        lambda: b"##\n# @A:\n#\n%b##\n{ 'event': 'A' }\n" % filling(b"# text\n", 0.6),
        "at most {SCHEMA_FILE_SIZE} bytes",
    ),
    "blanks": (lambda: filling(b" "), "at most {SCHEMA_FILE_SIZE} bytes"),
    "values up to the limit": (
        lambda: (
            b"{ 'enum': 'A', 'data': [ %b ] }"
            % (b"'aaaa', " * (limits.SCHEMA_VALUES - 1000) + b"3")
        ),
        "found '3', expected a value",
    ),
    "no answer in many values": (lambda: filling(b"{}"), "holds no answer"),
    "arrows": (lambda: filling(b"-> {}\n"), "holds no answer"),
    "an object of many members": (lambda: of_members(b"{}"), "missing required field `name`"),
    "an object of many arrays": (lambda: of_members(b"[]"), "Expected `object`, got `array`"),
    "JSON nested deeply": (lambda: b'[{"meta-type":' + filling(b"["), "nested too deeply"),
    "a number of many digits": (
        lambda: b'[{"meta-type":%b}]' % filling(b"1"),
        "too many digits",
    ),
    "a long name": (
        lambda: b'[{"name":"%b","meta-type":"event","arg-type":"0"}]' % filling(b"a"),
        "it refers to '0', which is not among the types",
    ),
}
"""What fills a limit, or passes it by far, and what the error says."""
SMALL_TEXTS: Final[dict[str, tuple[bytes, str]]] = {
    "a truncated answer": (b"[%b" % ENTITY, "this isn't JSON"),
    "an answer that is not UTF-8": (b'[{"meta-type":"\xff"}]', "byte 0xff"),
    "an answer with a NUL": (b"[%b,\0]" % ENTITY, "this isn't JSON"),
    "control characters in names": (
        b'[{"name":"\\u001b[31m","meta-type":"event","arg-type":"0"},%b]' % ENTITY,
        r"'\x1b[31m' is not a valid name",
    ),
}


@pytest.mark.parametrize(("make", "text"), TEXTS.values(), ids=TEXTS)
def test_large_file(make: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    with smaller_limits(DIVISOR):
        file.write_bytes(make())
        expected = with_limits(text)
    check(run("schema", "dump", str(file)), 1, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "text"), TEXTS.values(), ids=TEXTS)
def test_file_of_the_largest_size(make: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_bytes(make())
    check(run_bounded("schema", "dump", str(file)), 1, with_limits(text))


@pytest.mark.parametrize(("data", "text"), SMALL_TEXTS.values(), ids=SMALL_TEXTS)
def test_file(data: bytes, text: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_bytes(data)
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
    """Each time round, the file has another name."""
    (tmp_path / "again").symlink_to(tmp_path)
    file = tmp_path / "schema.json"
    file.write_text("{ 'include': 'again/schema.json' }\n")
    check(run("schema", "dump", str(file)), 1, "Too many levels of symbolic links")


# --- A server -----------------------------------------------------------------------------------


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as start:
        yield start


ENDLESS = pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b'{"return":[', b"%b," % ENTITY.replace(b"0", b"0" * 64) * 1000),
        (b'{"return":"', b"a" * 65536),
        (b"", b'{"event":"STOP","timestamp":{"seconds":1,"microseconds":1}}\n' * 1000),
        (b"", b"\n" * 65536),
    ],
    ids=["answer", "string", "events", "blank lines"],
)


@ENDLESS
def test_server_without_end(serve: Serve, first: bytes, rest: bytes) -> None:
    text = f"sends too much: at most {limits.SCHEMA_SIZE // DIVISOR} bytes"
    check(run("schema", "dump", serve(GREETING, DONE, first, endless=rest)), 1, text)


@pytest.mark.slow
@ENDLESS
def test_server_that_sends_the_most(serve: Serve, first: bytes, rest: bytes) -> None:
    text = f"sends too much: at most {limits.SCHEMA_SIZE} bytes"
    check(run_bounded("schema", "dump", serve(GREETING, DONE, first, endless=rest)), 1, text)


NESTED: Final = b'{"return":%b%b}\n'


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (b'{"return":{}}\n', 1, "not an answer to query-qmp-schema"),
        (b'{"return":[3]}\n', 1, "not an answer to query-qmp-schema"),
        (b'{"error":{"class":"CommandNotFound","desc":"no"}}\n', 1, "has no query-qmp-schema"),
        (NESTED % (b"[" * 9999, b"]" * 9999), 3, "nesting"),
    ],
    ids=["object", "numbers", "no such command", "nested deeply"],
)
def test_server_with_an_odd_answer(serve: Serve, reply: bytes, status: int, text: str) -> None:
    check(run("schema", "dump", serve(GREETING, DONE, reply)), status, text)


@pytest.mark.slow
def test_server_with_an_answer_nested_most_deeply(serve: Serve) -> None:
    reply = NESTED % (b"[" * 9999, b"]" * 9999)
    check(run_bounded("schema", "dump", serve(GREETING, DONE, reply)), 3, "nesting")
