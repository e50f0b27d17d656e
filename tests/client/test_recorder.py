"""`record=`: the conversation of each connection that a client makes, in a file."""

import os
import re
import socket
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import Client, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.recording import Recording, read_transcript
from qmpeer.recording.text_file import TextFile
from qmpeer.sources.saved import find_answer
from qmpeer.transcript import Line
from tests.cli.fake_agent import FakeAgent
from tests.client.conftest import OurMonitor
from tests.client.faces import Face, background
from tests.client.scripted import ScriptedServer, connected
from tests.client.test_closing import run_python
from tests.client.test_reconnecting import connected as reconnecting
from tests.forks import in_child
from tests.patience import PATIENCE
from tests.qemu import QEMU

REDACTED = '{"protocol": "vnc", "password": "<redacted>"}'
REFUSAL = '{"class": "CommandNotFound", "desc": "The command set_password has not been found"}'
IDS = re.compile(r'"id": ?\d+')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vm.txt"


def lines(path: Path) -> list[str]:
    """Return the lines behind the title, without times and with ids blanked."""
    assert path.stat().st_mode & 0o777 == 0o600
    read_transcript(path)
    found = path.read_text("ascii").splitlines()
    return [
        IDS.sub('"id": N', line) for line in found if not line.startswith(("@ time", "# unix:"))
    ]


def test_a_conversation(face: Face, ours: OurMonitor, path: Path) -> None:
    with face.connect(ours.address, record=path, timeout=PATIENCE) as vm:
        assert vm.execute("echo", {"value": 1}) == {"value": 1}
        with pytest.raises(CommandError):
            vm.execute("set_password", {"protocol": "vnc", "password": "s3cret!"})
    title = path.read_text().splitlines()[0]
    assert re.fullmatch(rf"# unix:\S+, {'-'.join(['[0-9]+'] * 3)} [0-9:]+ UTC", title)
    opened, greeting, *rest = lines(path)
    assert opened == "@ opened"
    assert greeting.startswith('<- {"QMP": {"version": ')
    assert rest == [
        '-> {"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id": N}',
        '<- {"return": {}, "id": N}',
        '-> {"execute":"echo","arguments":{"value":1},"id": N}',
        '<- {"return": {"value": 1}, "id": N}',
        f'-> {{"execute": "set_password", "arguments": {REDACTED}, "id": N}}',
        f'<- {{"id": N, "error": {REFUSAL}}}',
        "@ closed by client",
    ]


def test_without_it_sessions_are_the_plain_ones(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        assert type(vm.client._channel.session).__name__ == "ClientSession"


def test_one_recording_of_several_clients(face: Face, ours: OurMonitor, path: Path) -> None:
    with Recording.open(path, title="both", times=False) as recording:
        for _ in range(2):
            with face.connect(ours.address, record=recording, capabilities=()) as vm:
                vm.execute("echo")
        assert recording.failure is None
        recording.opened("still open")
    found = path.read_text().splitlines()
    assert found[:3] == ["# both", f"# {ours.address}", "@ opened"]
    assert found.count("@ closed by client") == 2
    assert found[-3:] == ["@ connection 3", "# still open", "@ opened"]


def test_a_launched_program(face: Face, path: Path) -> None:
    argv = [sys.executable, "-m", "qmpeer", "serve"]
    with face.launch(argv, record=str(path), timeout=PATIENCE) as vm:
        vm.execute("query-status")
        vm.execute("quit")
    found = lines(path)
    assert found[0].startswith(f"# {sys.executable}, ")
    assert found[1] == "@ opened"
    assert found[-1].startswith("@ closed by ")
    assert '-> {"execute":"quit","id": N}' in found


def test_an_accepted_server(face: Face, tmp_path: Path, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        accepting = background(
            face.accept, listener, record=path, capabilities=(), timeout=PATIENCE
        )
        server = ScriptedServer(socket.socket(socket.AF_UNIX))
        server.socket.connect(str(tmp_path / "q"))
        server.greet()
        server.negotiate()
        accepting.result(PATIENCE).close()
        server.close()
    assert lines(path)[-1] == "@ closed by client"


def test_a_guest_agent(face: Face, tmp_path: Path, path: Path) -> None:
    with (
        FakeAgent(
            tmp_path / "ga", {"guest-info": {"version": "7.2", "supported_commands": []}}
        ) as it,
        face.agent(it.address, record=path, timeout=PATIENCE) as agent,
    ):
        agent.call("info")
    text = "\n".join(lines(path))
    assert '-> \\xff{"execute":"guest-sync-delimited","arguments":{"id"' in text
    assert "\n<- \\xff{" in text
    assert "@ noise" not in text
    assert text.endswith("@ closed by client")


def test_a_server_without_negotiation(face: Face, tmp_path: Path, path: Path) -> None:
    with (
        FakeAgent(tmp_path / "ga", {"guest-ping": {}}) as it,
        face.connect(f"unix:{it.address}", negotiate=False, record=path) as vm,
    ):
        vm.execute("guest-ping")
    assert lines(path) == [
        "@ opened",
        '-> {"execute":"guest-ping","id": N}',
        '<- {"return": {}, "id": N}\\x0a\\',
        "@ closed by client",
    ]


def test_each_connection_of_a_reconnecting_client(face: Face, tmp_path: Path, path: Path) -> None:
    with reconnecting(face, tmp_path, record=path, reconnect=PATIENCE) as (vm, servers, server):
        executing = vm.begin("stop")
        server.command()
        servers.go_away()
        with pytest.raises(CommandInterrupted):
            executing.result(PATIENCE)
        servers.listen()
        executing = vm.begin("stop")
        server = servers.greet()
        server.reply(server.command())
        executing.result(PATIENCE)
    found = lines(path)
    at = found.index("@ connection 2")
    assert found[at - 1 : at + 2] == ["@ closed by server", "@ connection 2", "@ opened"]
    assert found[-1] == "@ closed by client"


def test_descriptors_are_counted(face: Face, path: Path) -> None:
    with connected(face, record=path) as (vm, server), open(os.devnull) as file:
        executing = vm.begin("add-fd", fds=[file.fileno()] * 2)
        command, fds = server.command_with_fds()
        for fd in fds:
            os.close(fd)
        server.reply(command)
        executing.result(PATIENCE)
    found = lines(path)
    at = found.index("@ descriptors 2 from client")
    assert found[at + 1] == '-> {"execute":"add-fd","id": N}'


def test_why_a_connection_ended(face: Face, path: Path) -> None:
    with connected(face, record=path) as (vm, server):
        server.send(b"no JSON\n")
        with pytest.raises((ConnectionClosed, CommandInterrupted)):
            vm.execute("stop", timeout=PATIENCE)
        vm.close()
    found = lines(path)
    assert found[-2] == "@ noise from server no JSON\\x0a"
    assert found[-1].startswith("@ closed by client: ")


def test_a_silent_server(face: Face, path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(TimeoutError):
        face.connect(ours, record=path, timeout=0.05)
    assert lines(path)[1:] == ["@ opened", "@ closed by client"]


def test_nobody_there(face: Face, tmp_path: Path, path: Path) -> None:
    for _ in range(2):  # the file is free again
        with pytest.raises(FileNotFoundError, match="nobody"):
            face.connect(f"unix:{tmp_path}/nobody", record=path)
    assert [line for line in path.read_text().splitlines() if not line.startswith("# ")] == [""]


def test_a_file_that_cannot_be_written(face: Face, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "vm.txt"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "q"))
    listener.listen()
    listener.setblocking(False)
    with listener:
        with pytest.raises(FileNotFoundError, match="vm"):
            face.connect(f"unix:{tmp_path}/q", record=missing)
        with pytest.raises(BlockingIOError):
            listener.accept()
    with pytest.raises(FileNotFoundError, match="vm"):
        face.launch([sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"], record=missing)
    assert not (tmp_path / "ran").exists()


def test_a_full_disk_does_not_end_the_conversation(face: Face, ours: OurMonitor) -> None:
    with Recording.open("/dev/null", times=False) as recording:
        with face.connect(ours.address, record=recording) as vm:
            file = recording._file
            assert isinstance(file, TextFile)
            file._fd, null = os.open("/dev/full", os.O_WRONLY), file._fd
            os.close(null)
            assert vm.execute("echo", {"value": 2}) == {"value": 2}
        assert recording.failure is not None


def test_a_forked_child_leaves_the_recording_alone(
    face: Face, ours: OurMonitor, path: Path
) -> None:
    with face.connect(ours.address, record=path) as vm:
        before = path.read_bytes()
        in_child(lambda: vm.client._channel.session.end("gone"))
        assert path.read_bytes() == before
        vm.execute("echo")
    assert lines(path)[-1] == "@ closed by client"


def test_the_blocking_client_records_without_asyncio_and_logging(
    ours: OurMonitor, path: Path
) -> None:
    text = f"""
        import sys, threading
        from qmpeer import Client
        with Client.connect({ours.address!r}, record={str(path)!r}) as vm:
            vm.execute("echo")
            unneeded = {{"asyncio", "dataclasses", "logging", "ssl", "subprocess", "uvloop"}}
            print(sorted(unneeded & set(sys.modules)), threading.active_count())
        """
    done = run_python(textwrap.dedent(text))
    assert (done.stdout, done.stderr) == ("[] 1\n", "")
    assert lines(path)[-1] == "@ closed by client"


def test_threads_share_a_client_and_its_recording(ours: OurMonitor, path: Path) -> None:
    with Client.connect(ours.address, record=path) as vm:

        def talk() -> None:
            for number in range(50):
                vm.execute("echo", {"value": number})

        threads = [threading.Thread(target=talk) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = lines(path)
    assert sum(line.startswith('-> {"execute":"echo"') for line in found) == 150
    assert sum(line.startswith('<- {"return": {"value"') for line in found) == 150


@pytest.mark.real
def test_a_pretty_monitor_of_qemu(program: Callable[[str], str], path: Path) -> None:
    argv = [program(QEMU), "-machine", "none", "-nodefaults", "-display", "none"]
    monitor = ["-chardev", "socket,id=m,fd={fd}", "-mon", "chardev=m,mode=control,pretty=on"]
    with Client.launch(argv, record=path, monitor=monitor, timeout=PATIENCE) as vm:
        schema = vm.execute("query-qmp-schema")
        vm.execute("object-add", {"qom-type": "secret", "id": "s", "data": "s3cret!"})
    (section,) = read_transcript(path).sections
    said = [entry.data for entry in section.entries if isinstance(entry, Line)]
    assert b'    "return": {\r\n' in said
    assert "s3cret!" not in path.read_text()
    assert find_answer(path.read_bytes(), "vm.txt") == schema
