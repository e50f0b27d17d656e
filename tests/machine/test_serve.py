"""``qmpeer serve`` end to end: its monitors, its commands and its process.

Modules: process, usage.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError, limits
from qmpeer.values import JsonObject
from tests.machine.serving import (
    QMPEER,
    RawClient,
    Serving,
    StartHere,
    Threaded,
    run_qmpeer,
    shortened,
)
from tests.patience import PATIENCE
from tests.qemu import BASE

QUIT = ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})
SIGNAL = ("SHUTDOWN", {"guest": False, "reason": "host-signal"})
RESET = ("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
DONE: dict[str, object] = {"return": {}}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path / "q", "-qmp", "tcp:127.0.0.1:0,server,nowait") as serving:
        yield serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Threaded]:
    with Threaded(tmp_path / "q", "-qmp", "tcp:127.0.0.1:0,server,nowait") as served:
        yield served


@pytest.fixture
def client(served: Threaded) -> Iterator[Client]:
    with served.client() as client:
        yield client


def status(name: str) -> dict[str, object]:
    running = name == "running"
    return {"return": {"status": name, "singlestep": False, "running": running}}


def test_the_greeting(served: Threaded) -> None:
    with RawClient(served.path) as raw:
        greeting = raw.negotiate()["QMP"]
    assert greeting["version"]["qemu"] == {"major": 7, "minor": 2, "micro": 0}
    assert greeting["version"]["package"].startswith("qmpeer ")
    assert greeting["capabilities"] == ["oob"]


def test_the_run_state_with_its_events(serving: Serving) -> None:
    with RawClient(serving.path) as raw:
        raw.negotiate()
        for command, answers in [
            ("query-status", [status("running")]),
            ("cont", [DONE]),
            ("stop", ["STOP", DONE]),
            ("stop", [DONE]),
            ("query-status", [status("paused")]),
            ("system_powerdown", ["POWERDOWN", DONE]),
            ("system_reset", [RESET, DONE]),
            ("query-status", [status("prelaunch")]),
            ("cont", ["RESUME", DONE]),
            ("system_reset", [RESET, DONE]),
            ("query-status", [status("running")]),
            ("quit", [QUIT, DONE]),
        ]:
            assert raw.exchange(command) == answers, command
        assert raw.receive() is None
    assert serving.wait() == 0
    assert serving.stderr() == ""
    assert not serving.path.exists()


def test_what_comes_after_quit_is_not_answered(served: Threaded) -> None:
    with RawClient(served.path) as raw:
        raw.negotiate()
        raw.send("quit", "query-status")
        raw.receive()
        assert raw.receive() == DONE
        assert raw.receive() is None
    assert served.wait() == 0


def test_a_guest_that_waits(tmp_path: Path) -> None:
    with Threaded(tmp_path / "q", "-S") as served, RawClient(served.path) as raw:
        raw.negotiate()
        assert raw.exchange("query-status") == [status("prelaunch")]
        assert raw.exchange("stop") == [DONE]
        assert raw.exchange("query-status") == [status("prelaunch")]
        assert raw.exchange("cont") == ["RESUME", DONE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals(serving: Serving, number: signal.Signals) -> None:
    with RawClient(serving.path) as raw, RawClient(serving.path):
        raw.negotiate()
        serving.process.send_signal(number)
        assert shortened(raw.receive()) == SIGNAL
        assert raw.receive() is None
    assert serving.wait() == 0
    name = Path("/proc/self/cmdline").read_bytes().partition(b"\0")[0].decode()
    sender = f"from pid {os.getpid()} ({name})"
    assert serving.stderr() == f"qmpeer serve: terminating on signal {number.value} {sender}\n"
    assert not serving.path.exists()


def test_a_signal_while_a_command_blocks(serving: Serving, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    options = f'"driver": "blkdebug", "node-name": "b", "config": "{tmp_path}/fifo", "image": "n"'
    with RawClient(serving.path) as raw:
        raw.negotiate()
        raw._socket.sendall(b'{"execute": "blockdev-add", "arguments": {%s}}' % options.encode())
        writer = os.open(tmp_path / "fifo", os.O_WRONLY)
        serving.process.terminate()
        assert shortened(raw.receive()) == SIGNAL
        assert serving.wait() == 0
        os.close(writer)


def test_simple_questions(client: Client) -> None:
    assert client.execute("query-name") == {}
    assert client.execute("query-uuid") == {"UUID": "00000000-0000-0000-0000-000000000000"}
    assert client.execute("query-kvm") == {"enabled": False, "present": os.path.exists("/dev/kvm")}
    assert client.execute("query-target") == {"arch": "x86_64"}
    for command in ("query-cpus-fast", "query-mice", "query-block", "query-fdsets"):
        assert client.execute(command) == []


def test_name_and_uuid(tmp_path: Path) -> None:
    uuid = "550e8400-e29b-41d4-a716-446655440000"
    options = ("-name", "guest=vm0", "--uuid", uuid)
    with Threaded(tmp_path / "q", *options) as served, served.client() as client:
        assert client.execute("query-name") == {"name": "vm0"}
        assert client.execute("query-uuid") == {"UUID": uuid}


def tcp_port(client: Client) -> int:
    first = client.execute("query-chardev")[0]
    found = re.match(r"(?:disconnected:)?tcp:127\.0\.0\.1:(\d+),server=on", first["filename"])
    assert found is not None
    return int(found[1])


def test_query_chardev_is_live(served: Threaded, client: Client) -> None:
    port = tcp_port(client)
    first, second = client.execute("query-chardev")
    assert second == {
        "frontend-open": True,
        "filename": f"unix:{served.path},server=on",
        "label": "compat_monitor0",
    }
    assert first["label"] == "compat_monitor1"
    assert first["filename"] == f"disconnected:tcp:127.0.0.1:{port},server=on"
    with RawClient(("127.0.0.1", port)) as raw:
        raw.negotiate()
        mine = raw._socket.getsockname()[1]
        (filename, _) = (entry["filename"] for entry in client.execute("query-chardev"))
        assert filename == f"tcp:127.0.0.1:{port},server=on <-> 127.0.0.1:{mine}"


def test_yank(client: Client) -> None:
    assert client.execute("query-yank") == [
        {"type": "chardev", "id": "compat_monitor0"},
        {"type": "chardev", "id": "compat_monitor1"},
    ]
    with RawClient(("127.0.0.1", tcp_port(client))) as raw:
        raw.negotiate()
        instance: JsonObject = {"type": "chardev", "id": "compat_monitor1"}
        missing: JsonObject = {"type": "chardev", "id": "compat_monitor2"}
        with pytest.raises(CommandError, match=r"^DeviceNotFound: Instance not found$"):
            client.execute("yank", {"instances": [instance, missing]}, oob=True)
        assert raw.exchange("query-name") == [DONE]
        assert client.execute("yank", {"instances": [instance]}, oob=True) == {}
        try:
            assert raw.receive() is None
        except ConnectionResetError:
            pass


@pytest.mark.parametrize(
    ("arguments", "desc"),
    [
        ({}, "Parameter 'instances' is missing"),
        ({"instances": 1}, "Invalid parameter type for 'instances', expected: array"),
        ({"instances": [1]}, "Invalid parameter type for 'instances[0]', expected: object"),
        ({"instances": [{}]}, "Parameter 'instances[0].type' is missing"),
        ({"instances": [{"type": "x"}]}, "Parameter 'type' does not accept value 'x'"),
        ({"instances": [{"type": "chardev"}]}, "Parameter 'instances[0].id' is missing"),
        (
            {"instances": [{"type": "migration", "id": "a"}]},
            "Parameter 'instances[0].id' is unexpected",
        ),
        (
            {"instances": [{"type": "block-node"}]},
            "Parameter 'instances[0].node-name' is missing",
        ),
        ({"instances": [{"type": "migration"}]}, "Instance not found"),
        ({"instances": [], "x": 1}, "Parameter 'x' is unexpected"),
    ],
    ids=repr,
)
def test_yank_refuses(shared: Client, arguments: JsonObject, desc: str) -> None:
    with pytest.raises(CommandError) as caught:
        shared.execute("yank", arguments)
    assert caught.value.desc == desc


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Threaded(tmp_path_factory.mktemp("shared") / "q") as served, served.client() as client:
        yield client


def test_migrate_pause(shared: Client) -> None:
    text = "migrate-pause is currently only supported during postcopy-active state"
    for oob in (False, True):
        with pytest.raises(CommandError, match=text):
            shared.execute("migrate-pause", oob=oob)


def test_descriptors(client: Client) -> None:
    with open(os.devnull) as file:
        fd = file.fileno()
        assert client.execute("getfd", {"fdname": "a"}, fds=[fd, fd]) == {}
        added = client.execute("add-fd", {"opaque": "x"}, fds=[fd])
    assert added["fdset-id"] == 0
    assert client.execute("query-fdsets") == [
        {"fdset-id": 0, "fds": [{"fd": added["fd"], "opaque": "x"}]}
    ]
    with pytest.raises(CommandError, match="No file descriptor supplied via SCM_RIGHTS"):
        client.execute("getfd", {"fdname": "b"})
    assert client.execute("remove-fd", {"fdset-id": 0, "fd": added["fd"]}) == {}
    assert client.execute("closefd", {"fdname": "a"}) == {}


def test_sets_go_with_the_last_client_and_names_stay(served: Threaded) -> None:
    with open(os.devnull) as file, served.client() as client:
        client.execute("getfd", {"fdname": "a"}, fds=[file.fileno()])
        client.execute("add-fd", fds=[file.fileno()])
    with served.client() as client:
        assert client.execute("query-fdsets") == []
        assert client.execute("closefd", {"fdname": "a"}) == {}


def test_out_of_band_overtakes_a_blocking_command(served: Threaded, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with RawClient(served.path) as raw:
        raw.receive()
        options = {"driver": "blkdebug", "node-name": "b", "config": str(tmp_path / "fifo")}
        image = '{"driver": "null-co"}'
        members = ", ".join(f'"{name}": "{value}"' for name, value in options.items())
        raw._socket.sendall(
            b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}'
            b'{"execute": "blockdev-add", "id": 1, "arguments": {%s, "image": %s}}'
            b'{"execute": "query-name", "id": 2}'
            b'{"exec-oob": "query-yank", "id": 3}' % (members.encode(), image.encode())
        )
        assert raw.receive() == DONE
        assert raw.receive()["id"] == 3
        os.close(os.open(tmp_path / "fifo", os.O_WRONLY))
        assert [raw.receive()["id"] for _ in range(2)] == [1, 2]


def test_waiting_for_a_client(tmp_path: Path) -> None:
    path, other, pid = tmp_path / "q", tmp_path / "other", tmp_path / "pid"
    words = [*BASE, "-qmp", f"unix:{path},server", "-qmp", f"unix:{other},server,nowait"]
    process = subprocess.Popen(
        [*QMPEER, "serve", *words, "-pidfile", str(pid)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == (
            f"qmpeer serve: -qmp unix:{path},server: info: "
            f"QEMU waiting for connection on: disconnected:unix:{path},server=on\n"
        )
        assert not other.exists()
        assert pid.read_text() == f"{process.pid}\n"
        with RawClient(path) as raw:
            raw.negotiate()
            with RawClient(other) as second:
                second.negotiate()
            assert raw.exchange("quit") == [QUIT, DONE]
        assert process.wait(PATIENCE) == 0
        assert not pid.exists()
    finally:
        process.kill()
        process.communicate()


def test_a_signal_while_it_waits(tmp_path: Path) -> None:
    path = tmp_path / "q"
    process = subprocess.Popen(
        [*QMPEER, "serve", *BASE, "-qmp", f"unix:{path},server"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        process.stderr.readline()
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.communicate()


def test_dialling_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        with Threaded(tmp_path / "q", "-qmp", f"tcp:{host}:{port}") as served:
            with Client.accept(listener, timeout=PATIENCE) as client:
                entry = client.execute("query-chardev")[0]
                assert re.fullmatch(rf"tcp:{host}:\d+ <-> {host}:{port}", entry["filename"])
                client.execute("quit")
            assert served.wait() == 0


def test_pretty(tmp_path: Path) -> None:
    path = tmp_path / "p"
    options = ("-qmp-pretty", f"unix:{path},server,nowait")
    with Threaded(tmp_path / "q", *options), RawClient(path) as raw:
        lines = [raw._lines.readline() for _ in range(3)]
    assert lines == [b"{\r\n", b'    "QMP": {\r\n', b'        "version": {\r\n']


def test_stdio_outlives_its_input(tmp_path: Path) -> None:
    with Serving(
        tmp_path / "q", "-qmp", "stdio", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as serving:
        out, into = serving.process.stdout, serving.process.stdin
        assert out is not None
        assert into is not None
        into.write('{"execute": "qmp_capabilities"}{"execute": "query-chardev"}')
        into.close()
        serving.process.stdin = None  # so that communicate() doesn't wait for them
        assert out.readline().startswith('{"QMP"')
        assert out.readline() == '{"return": {}}\n'
        assert '"filename": "stdio"' in out.readline()
        with serving.client() as client:
            client.execute("stop")
            assert '"STOP"' in out.readline()


@pytest.mark.real
def test_telnet(program: Callable[[str], str], client: Client) -> None:
    telnet = program("telnet")
    answers = talk([telnet, "127.0.0.1", str(tcp_port(client))])
    greeting, done, version = answers
    assert done == DONE
    assert version == {"return": greeting["QMP"]["version"]}


def talk(argv: list[str]) -> list[Any]:
    """Type lines as a person would, and return the lines of the output that are JSON."""
    commands = ['{ "execute": "qmp_capabilities" }', '{ "execute": "query-version" }']
    answers = []
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            answers.append(json.loads(line))
            if not commands:
                break
            process.stdin.write(commands.pop(0) + "\n")
            process.stdin.flush()
        process.kill()
    return answers


def test_in_the_background(tmp_path: Path) -> None:
    path, pid_file = tmp_path / "q", tmp_path / "pid"
    words = [*BASE, "-daemonize", "-pidfile", "pid", "-qmp", "unix:q,server=on,wait=off"]
    done = run_qmpeer("serve", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    process = os.pidfd_open(int(pid_file.read_text()))
    try:
        with Client.connect(path, timeout=PATIENCE) as client:  # the machine listens already
            assert client.execute("query-status")["running"] is True
            client.execute("quit")
        assert select.select([process], [], [], PATIENCE)[0]  # the machine has ended
        assert not path.exists()
        assert not pid_file.exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)


def test_without_standard_streams(tmp_path: Path) -> None:
    qmp = f"unix:{tmp_path}/q,server,nowait"
    line = '"$@" <&- >&- 2>&-'
    argv = ["sh", "-c", line, "sh", *QMPEER, "serve", *BASE, "-daemonize", "-qmp", qmp]
    assert subprocess.run(argv, timeout=PATIENCE).returncode == 0
    with Client.connect(tmp_path / "q", timeout=PATIENCE) as client:
        assert client.execute("query-chardev")[0]["filename"] == f"unix:{tmp_path}/q,server=on"
        client.execute("quit")


def test_an_error_in_the_background_comes_out(tmp_path: Path) -> None:
    qmp = f"unix:{tmp_path}/no/q,server,nowait"
    done = run_qmpeer("serve", *BASE, "-daemonize", "-qmp", qmp)
    assert done.returncode == 1
    assert done.stderr == (
        f"qmpeer serve: -qmp {qmp}: "
        f"Failed to bind socket to {tmp_path}/no/q: No such file or directory\n"
    )


def test_two_processes_with_one_pid_file(tmp_path: Path, start: StartHere) -> None:
    pid_file = str(tmp_path / "pid")
    with Serving(tmp_path / "q", "-pidfile", pid_file) as serving, serving.client():
        done = start(*BASE, "-pidfile", pid_file)
    assert done.returncode == 1
    assert "cannot create PID file: Cannot lock pid file: " in done.stderr


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", ""])
def test_the_loop_is_chosen(start: StartHere, monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    has_uvloop = find_spec("uvloop") is not None
    if loop == "uvloop" and not has_uvloop:
        pytest.skip("uvloop is not installed")
    found = []

    async def find_loop(*arguments: object) -> int:
        found.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])
        return 0

    monkeypatch.setattr("qmpeer.cli.serve_command.run_machine", find_loop)
    monkeypatch.setenv("QMPEER_LOOP", loop)
    assert start(*BASE) == (0, "", "")
    assert found == [loop or ("uvloop" if has_uvloop else "asyncio")]


def test_it_runs_on_the_standard_librarys_loop(tmp_path: Path) -> None:
    environment = {**os.environ, "QMPEER_LOOP": "asyncio"}
    with Serving(tmp_path / "q", env=environment) as serving, serving.client() as client:
        client.execute("quit")
        assert serving.wait() == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-foo", "-foo: invalid option"),
        ("-qmp unix:@/q", "-qmp unix:@/q: Failed to connect to '@/q': No such file or directory"),
        (
            "-qmp unix:@/plain,server,nowait",
            "-qmp unix:@/plain,server,nowait: Failed to bind socket to @/plain: there is a file",
        ),
        (
            "-qmp tcp:0.0.0.0:0,server,nowait",
            (
                "-qmp tcp:0.0.0.0:0,server,nowait: tcp:0.0.0.0:0 can be reached from other machines"
                ", without a password; use 127.0.0.1, [::1] or a unix socket, or --insecure\n"
            ),
        ),
        ("-qmp tcp:127.0.0.1:x", "-qmp tcp:127.0.0.1:x: address resolution failed for 127.0.0.1:x"),
        ("-pidfile @/no/p", "cannot create PID file: Could not create '@/no/p': No such file"),
        (
            "-qmp stdio --qmp stdio",
            "--qmp stdio: cannot use stdio by multiple character devices",
        ),
    ],
    ids=lambda value: value,
)
def test_start_errors(tmp_path: Path, start: StartHere, words: str, text: str) -> None:
    (tmp_path / "plain").write_text("precious")
    done = start(*BASE, *words.replace("@", str(tmp_path)).split())

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"qmpeer serve: {text}".replace("@", str(tmp_path)))
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "plain").read_text() == "precious"


def test_a_wrong_loop() -> None:
    done = run_qmpeer("serve", *BASE, env={**os.environ, "QMPEER_LOOP": "curio"})
    assert (done.returncode, done.stderr) == (
        1,
        "qmpeer serve: QMPEER_LOOP curio: expected asyncio or uvloop\n",
    )


def test_insecure(tmp_path: Path) -> None:
    options = ("-qmp", "tcp:0.0.0.0:0,server,nowait", "--insecure")
    with Threaded(tmp_path / "q", *options) as served, served.client() as client:
        assert "tcp:0.0.0.0:" in client.execute("query-chardev")[0]["filename"]


def test_help_and_version(start: StartHere) -> None:
    done = run_qmpeer("serve", "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: qmpeer serve")
    assert start("-h") == (0, done.stdout, "")
    version = start("-version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("qmpeer ")


def test_the_limit_of_descriptors_is_raised(tmp_path: Path) -> None:
    """Many monitors with clients need more descriptors than most shells allow."""

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Serving(tmp_path / "q", preexec_fn=lower) as serving, RawClient(serving.path) as raw:
        raw.negotiate()
        soft, _ = resource.prlimit(serving.process.pid, resource.RLIMIT_NOFILE)
    wanted = limits.LISTENER_CLIENTS + limits.SPARE_FDS
    assert soft == (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
