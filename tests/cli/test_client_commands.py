"""``qmpeer exec`` and ``qmpeer events`` against ``qmpeer serve``.

Streams, signals and the exit status are those of processes; the rest runs in this one.

Modules: exec_command, serve_command.
"""

import json
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.wire import encode_compact
from tests.cli.programs import run_here
from tests.machine.serving import QMPEER, RawClient, Serving, run_qmpeer
from tests.patience import PATIENCE

ERROR = "GenericError: Parameter 'driver' does not accept value 'nope'"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("cli")
    with Serving(folder / "q", "-qmp", f"unix:{folder}/second,server,nowait") as serving:
        with serving.client():
            pass
        yield serving


@pytest.fixture
def address(serving: Serving) -> str:
    return f"unix:{serving.path}"


@pytest.fixture
def second(serving: Serving) -> Iterator[RawClient]:
    """Another monitor of the same machine."""
    with RawClient(serving.path.parent / "second") as raw:
        raw.negotiate()
        yield raw


def test_one_command(address: str) -> None:
    done = run_qmpeer("exec", address, "query-status")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '{"status": "running", "singlestep": false, "running": true}\n'


def test_pretty(address: str) -> None:
    done = run_here("exec", address, "query-target", "--pretty")
    assert done.out == b'{\n    "arch": "x86_64"\n}\n'


def test_arguments(address: str) -> None:
    words = ["driver=blkdebug", "node-name=b", "image.driver=null-co", "image.node-name:=n0"]
    assert run_here("exec", address, "blockdev-add", *words).status == 0
    text = '{"driver": "null-co", "node-name": "n1"}'
    assert run_here("exec", address, "blockdev-add", text).status == 0
    given = b'{"node-name": "n1"}'
    assert run_here("exec", address, "blockdev-del", "-", input=given).status == 0
    assert run_here("exec", address, "blockdev-del", "node-name=b").status == 0


def test_an_error_of_the_server(address: str) -> None:
    done = run_here("exec", address, "blockdev-add", "driver=nope")
    assert done == (1, b"", f"qmpeer exec: {ERROR}; expected blkdebug, null-co\n".encode())


def test_out_of_band(address: str) -> None:
    done = run_here("exec", address, "query-yank", "--oob")
    assert json.loads(done.out)[0] == {"type": "chardev", "id": "compat_monitor0"}

    done = run_here("exec", address, "query-name", "--oob")
    assert (done.status, done.err) == (
        1,
        b"qmpeer exec: GenericError: The command query-name does not support OOB\n",
    )


@pytest.mark.parametrize(
    ("redirection", "status"),
    [("<&-", 2), (">&-", 0), ("2>&-", 1), ("2>/dev/full", 1), (">/dev/full", 3)],
)
def test_streams_that_do_not_work(address: str, redirection: str, status: int) -> None:
    command = {2: "stop -", 1: "nope", 0: "query-name", 3: "query-name"}[status]
    line = f'"$@" exec {address} {command} {redirection}'
    argv = ["sh", "-c", line, "sh", *QMPEER]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)

    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.count("\n") == (1 if status in (2, 3) else 0)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"{"])
def test_standard_input_that_is_no_object(address: str, text: bytes) -> None:
    done = run_here("exec", address, "stop", "-", input=text)
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith(b"qmpeer exec: found arguments that are ")


def test_a_silent_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        done = run_here("exec", str(tmp_path / "q"), "stop", "--timeout", "0.05")
    assert (done.status, done.out) == (3, b"")
    assert b"greeted in 0.05 s" in done.err
    assert b"--no-negotiate" in done.err
    assert done.err.count(b"\n") == 1


def test_no_reply_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        words = ["exec", str(tmp_path / "q"), "guest-ping", "--no-negotiate", "--timeout", "0.05"]
        done = run_here(*words)
    assert (done.status, done.err) == (3, b"qmpeer exec: guest-ping wasn't answered in 0.05 s\n")


def test_no_qmp_server(tmp_path: Path) -> None:
    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.recv(1)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        greeting = threading.Thread(target=greet)
        greeting.start()
        done = run_here("exec", str(tmp_path / "q"), "stop")
        greeting.join(PATIENCE)
    assert done.status == 3
    assert done.err.startswith(b"qmpeer exec: ")
    assert done.err.count(b"\n") == 1


def events(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*QMPEER, "events", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def has_output(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0)[0])


def stop_and_go_until(process: "subprocess.Popen[str]", second: RawClient) -> None:
    """Cause events until the process ends, as no one can see when it begins to listen for them."""
    while process.poll() is None:
        second.exchange("stop")
        second.exchange("cont")


def test_events_with_a_count(address: str, second: RawClient) -> None:
    process = events(address, "--count", "3")
    stop_and_go_until(process, second)
    out, err = process.communicate(timeout=PATIENCE)

    lines = [json.loads(line) for line in out.splitlines()]
    assert (process.returncode, err) == (0, "")
    assert len(lines) == 3
    assert {line["event"] for line in lines} == {"STOP", "RESUME"}
    assert set(lines[0]["timestamp"]) == {"seconds", "microseconds"}


def test_events_by_name(address: str, second: RawClient) -> None:
    process = events(address, "STOP", "--count", "2")
    stop_and_go_until(process, second)
    out, _ = process.communicate(timeout=PATIENCE)
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["STOP", "STOP"]


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every --timeout pass at once after the client has connected."""
    times = iter([0.0])
    monkeypatch.setattr("qmpeer.cli.events_command.monotonic", lambda: next(times, 1e6))


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ((), 0, b""),
        (("--count", "2"), 3, b"qmpeer events: found 0 events in 20 s, expected 2\n"),
    ],
    ids=["without count", "with count"],
)
def test_events_until_a_time(
    address: str, words: tuple[str, ...], status: int, text: bytes
) -> None:
    done = run_here("events", address, "--timeout", "20", *words)
    assert done == (status, b"", text)


@pytest.mark.usefixtures("no_time")
def test_a_name_that_the_server_lacks(address: str) -> None:
    done = run_here("events", address, "stopp", "RESUME", "zz", "--timeout", "20")
    assert (done.status, done.out) == (0, b"")
    assert done.err.splitlines() == [
        b"qmpeer events: warning: the server lists no event 'stopp'; is it STOP?",
        b"qmpeer events: warning: the server lists no event 'zz'",
    ]


def test_interrupted(address: str, second: RawClient) -> None:
    process = events(address)
    while not has_output(process):
        second.exchange("stop")
        second.exchange("cont")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "")


def test_a_broken_pipe(address: str, second: RawClient) -> None:
    process = events(address)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    stop_and_go_until(process, second)
    assert process.wait(PATIENCE) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_quit_is_a_success_and_events_end_with_the_connection(tmp_path: Path) -> None:
    second_path = tmp_path / "second"
    with Serving(tmp_path / "q", "-qmp", f"unix:{second_path},server,nowait") as serving:
        with serving.client():
            pass
        process = events(str(second_path))
        with RawClient(serving.path) as raw:
            raw.negotiate()
            while not has_output(process):
                raw.exchange("stop")
                raw.exchange("cont")
        assert run_here("exec", str(serving.path), "quit") == (0, b"{}\n", b"")
        assert serving.wait() == 0
        out, err = process.communicate(timeout=PATIENCE)
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["data"]["reason"]) == ("SHUTDOWN", "host-qmp-quit")
    assert process.returncode == 3
    assert err == "qmpeer events: the server closed the connection\n"


def test_a_guest_agents_silence_is_told_in_options(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        done = run_here("exec", str(tmp_path / "q"), "guest-ping", "--timeout", "0.05")
    assert b"guest agent, which never greets (qmpeer ga, or exec --no-negotiate)" in done.err


UNREADABLE = {
    "a noncharacter": ("a=\uffff", b"arguments.a holds U+FFFF, a noncharacter"),
    "too deep": ("a=" + "[" * 1025 + "]" * 1025, b"nested"),
}


@pytest.mark.parametrize(("word", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_no_server_reads(address: str, word: str, reason: bytes) -> None:
    done = run_here("exec", address, "query-status", word)
    assert (done.status, done.out) == (2, b"")
    assert reason in done.err


def test_an_error_without_an_id(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.protocol.command_queue.encode_request", encode_compact)
    done = run_here("exec", address, "query-status", "a=\uffff")
    reason = b"GenericError: JSON parse error, invalid UTF-8 sequence in string\n"
    assert (done.status, done.err) == (1, b"qmpeer exec: " + reason)
