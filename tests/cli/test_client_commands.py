"""``qmpeer exec`` and ``qmpeer events`` against ``qmpeer serve``, as processes."""

import json
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.serving import PATIENCE, QMPEER, RawClient, Serving, run_qmpeer

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
    done = run_qmpeer("exec", address, "query-target", "--pretty")
    assert done.stdout == '{\n    "arch": "x86_64"\n}\n'


def test_arguments(address: str) -> None:
    words = ["driver=blkdebug", "node-name=b", "image.driver=null-co", "image.node-name:=n0"]
    assert run_qmpeer("exec", address, "blockdev-add", *words).returncode == 0
    text = '{"driver": "null-co", "node-name": "n1"}'
    assert run_qmpeer("exec", address, "blockdev-add", text).returncode == 0
    text = '{"node-name": "n1"}'
    assert run_qmpeer("exec", address, "blockdev-del", "-", input=text).returncode == 0
    assert run_qmpeer("exec", address, "blockdev-del", "node-name=b").returncode == 0


def test_an_error_of_the_server(address: str) -> None:
    done = run_qmpeer("exec", address, "blockdev-add", "driver=nope")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"qmpeer exec: {ERROR}\n"


def test_out_of_band(address: str) -> None:
    done = run_qmpeer("exec", address, "query-yank", "--oob")
    assert json.loads(done.stdout)[0] == {"type": "chardev", "id": "compat_monitor0"}

    done = run_qmpeer("exec", address, "query-name", "--oob")
    assert (done.returncode, done.stderr) == (
        1,
        "qmpeer exec: GenericError: The command query-name does not support OOB\n",
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
    argv = [*QMPEER, "exec", address, "stop", "-"]
    done = subprocess.run(argv, input=text, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"qmpeer exec: found arguments that are ")


def test_a_silent_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        done = run_qmpeer("exec", str(tmp_path / "q"), "stop", "--timeout", "0.05")
    assert (done.returncode, done.stdout) == (3, "")
    assert "greeted in 0.05 s" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_reply_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        words = ["exec", str(tmp_path / "q"), "guest-ping", "--no-negotiate", "--timeout", "0.05"]
        done = run_qmpeer(*words)
    assert (done.returncode, done.stderr) == (
        3,
        "qmpeer exec: guest-ping wasn't answered in 0.05 s\n",
    )


def test_no_qmp_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        process = subprocess.Popen(
            [*QMPEER, "exec", str(tmp_path / "q"), "stop"], stderr=subprocess.PIPE, text=True
        )
        connection, _ = listener.accept()
        connection.sendall(b"220 mail.example ESMTP\r\n")
        _, err = process.communicate(timeout=PATIENCE)
        connection.close()
    assert process.returncode == 3
    assert err.startswith("qmpeer exec: ")
    assert err.count("\n") == 1


def events(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*QMPEER, "events", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def has_output(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0)[0])


def stop_and_go_until(process: "subprocess.Popen[str]", second: RawClient) -> None:
    """Make events until the process has ended: it can't be seen when it is ready for them."""
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


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ((), 0, ""),
        (("--count", "2"), 3, "qmpeer events: found 0 events in 0.05 s, expected 2\n"),
    ],
    ids=["without count", "with count"],
)
def test_events_until_a_time(address: str, words: tuple[str, ...], status: int, text: str) -> None:
    done = run_qmpeer("events", address, "--timeout", "0.05", *words)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", text)


def test_events_end_with_the_connection(tmp_path: Path) -> None:
    with (
        Serving(tmp_path / "q", "-qmp", f"unix:{tmp_path}/second,server,nowait") as serving,
        RawClient(tmp_path / "second") as second,
    ):
        second.negotiate()
        process = events(str(serving.path))
        assert process.stdout is not None
        while not has_output(process):
            second.exchange("stop")
            second.exchange("cont")
        second.exchange("quit")
        out, err = process.communicate(timeout=PATIENCE)
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["data"]["reason"]) == ("SHUTDOWN", "host-qmp-quit")
    assert process.returncode == 3
    assert err == "qmpeer events: the server closed the connection\n"


def test_a_name_that_the_server_lacks(address: str) -> None:
    done = run_qmpeer("events", address, "stopp", "RESUME", "zz", "--timeout", "0.2")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "qmpeer events: warning: the server lists no event 'stopp'; is it STOP?",
        "qmpeer events: warning: the server lists no event 'zz'",
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


def test_quit_is_a_success(tmp_path: Path) -> None:
    with Serving(tmp_path / "q") as serving:
        with serving.client():
            pass
        done = run_qmpeer("exec", str(serving.path), "quit")
        assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n", "")
        assert serving.wait() == 0
