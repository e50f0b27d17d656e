"""A reconnecting client: what continues, what is recorded, and when it gives up."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandInterrupted, ConnectionClosed
from qmpeer.client.backoff import Backoff
from qmpeer.client.interruptions import Interruption, Interruptions
from tests.client.faces import BlockingFace, Face, Vm, background
from tests.client.scripted import ScriptedServer, open_fds
from tests.patience import PATIENCE


class RestartedServer:
    """A listener on a path that can be restarted; each connection is a scripted server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[ScriptedServer] = []
        self.listen()

    def listen(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(PATIENCE)
        self.listener.bind(str(self.path))
        self.listener.listen()

    def go_away(self) -> None:
        """Close the last connection, and refuse new ones."""
        self.listener.close()
        self.path.unlink()
        self.connections[-1].close()

    def greet(self) -> ScriptedServer:
        """Accept the next client, and negotiate."""
        sock, _ = self.listener.accept()
        server = ScriptedServer(sock)
        self.connections.append(server)
        server.greet()
        server.negotiate()
        return server

    def close(self) -> None:
        self.listener.close()
        for connection in self.connections:
            connection.close()


@contextlib.contextmanager
def connected(
    face: Face, tmp_path: Path, **options: Any
) -> Iterator[tuple[Vm, RestartedServer, ScriptedServer]]:
    servers = RestartedServer(tmp_path / "qmp")
    try:
        options = {
            "timeout": PATIENCE,
            "command_timeout": PATIENCE,
            "reconnect": PATIENCE,
            **options,
        }
        connecting = background(face.connect, str(servers.path), **options)
        server = servers.greet()
        vm = connecting.result(PATIENCE)
        yield vm, servers, server
        vm.close()
    finally:
        servers.close()


def until_lost(vm: Vm, count: int = 1) -> None:
    """Wait until the client has noticed that its connection is lost."""
    end = time.monotonic() + PATIENCE
    while len(vm.client.interruptions) < count:
        assert time.monotonic() < end
        vm.event_mark()


def test_a_command_after_the_loss(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        server.close()
        until_lost(vm)
        executing = vm.begin("query-status")
        second = servers.greet()
        second.reply(second.command(), {"status": "running"})
        assert executing.result(PATIENCE) == {"status": "running"}
        assert not vm.is_closed
        assert vm.client.interruptions[0].commands == ()


def test_who_has_left_long_since_is_sent_nothing(tmp_path: Path) -> None:
    with connected(BlockingFace(), tmp_path) as (vm, servers, server):
        server.close()
        executing = vm.begin("query-status")
        second = servers.greet()
        second.reply(second.command())
        assert executing.result(PATIENCE) == {}


def test_descriptors_wait_with_their_command(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        server.close()
        until_lost(vm)
        with (tmp_path / "file").open("w") as file:
            executing = vm.begin("getfd", {"fdname": "f"}, fds=[file.fileno()])
            second = servers.greet()
            command, (fd,) = second.command_with_fds()
            second.reply(command)
            assert executing.result(PATIENCE) == {}
            assert os.path.sameopenfile(fd, file.fileno())
            os.close(fd)


def test_a_command_that_is_cut_off_is_not_repeated(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        executing = [vm.begin("device_add", {"id": f"{n}"}) for n in range(2)]
        for _ in executing:
            server.command()
        server.event("STOP")
        server.close()
        for each in executing:
            with pytest.raises(CommandInterrupted, match="its outcome is unknown"):
                each.result(PATIENCE)
        until_lost(vm)
        after = vm.begin("query-status")
        second = servers.greet()
        command = second.command()
        assert command["execute"] == "query-status"
        second.reply(command)
        assert after.result(PATIENCE) == {}
        (interruption,) = vm.client.interruptions
        reason = "the server closed the connection"
        assert interruption == Interruption(reason, 1, ("device_add", "device_add"))


def test_events_are_numbered_on(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        events = vm.events()
        server.event("STOP")
        server.event("RESUME")
        assert [events.next().number for _ in range(2)] == [1, 2]
        waiting = vm.start("wait_event", "RESET", since=0)
        server.close()
        second = servers.greet()
        second.event("STOP")
        second.event("RESET")
        assert waiting.result(PATIENCE).number == 4
        assert [(e.name, e.number) for e in (events.next(), events.next())] == [
            ("STOP", 3),
            ("RESET", 4),
        ]
        assert vm.event_mark() == 4
        assert [each.last_event for each in vm.client.interruptions] == [2]


def test_an_event_may_have_come_meanwhile(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        waiting = vm.start("wait_event", "RESET", timeout=3.0)
        server.close()
        servers.greet()
        with pytest.raises(TimeoutError, match="the connection was lost meanwhile"):
            waiting.result(PATIENCE)
        with pytest.raises(TimeoutError) as caught:
            vm.wait_event("RESET", timeout=0.02, since=vm.event_mark() + 1)
        assert "lost" not in str(caught.value)


def test_one_connection_after_the_other(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, server):
        for number in range(5):
            waiting = vm.start("wait_event", f"E{number}", since=number)
            server.close()
            server = servers.greet()
            server.event(f"E{number}")
            assert waiting.result(PATIENCE).number == number + 1
        assert len(vm.client.interruptions) == 5


def test_several_threads_share_one(tmp_path: Path) -> None:
    with connected(BlockingFace(), tmp_path) as (vm, servers, server):

        def work(number: int) -> int:
            done = cut_off = 0
            while done < 30:
                try:
                    assert vm.execute("echo", {"n": number}) == number
                    done += 1
                except CommandInterrupted:
                    cut_off += 1
            return cut_off

        workers = [background(work, number) for number in range(4)]
        for _ in range(4):
            for _ in range(20):
                command = server.command()
                server.reply(command, command["arguments"]["n"])
            server.command()
            server.close()
            server = servers.greet()
        answer_all(server, workers)
        assert sum(worker.result(PATIENCE) for worker in workers) >= 4
        assert len(vm.client.interruptions) == 4


def answer_all(server: ScriptedServer, workers: list[Any]) -> None:
    while not all(worker.done() for worker in workers):
        if server.has_input():
            command = server.command()
            server.reply(command, command["arguments"]["n"])


def test_a_server_that_is_away_for_a_while(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, servers, _):
        waiting = vm.start("wait_event", "STOP", since=0)
        servers.go_away()
        until_lost(vm)
        with pytest.raises(TimeoutError, match="the connection was lost, and"):
            vm.execute("query-status", timeout=0.2)
        servers.listen()
        servers.greet().event("STOP")
        assert waiting.result(PATIENCE).number == 1


def test_a_server_that_greets_nobody(face: Face, tmp_path: Path) -> None:
    """It listens, but is stopped, or another client uses its monitor."""
    with connected(face, tmp_path) as (vm, _, server):
        server.close()
        until_lost(vm)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                vm.execute("query-status", timeout=0.1)


def test_patience_ends(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path, reconnect=0.2) as (vm, servers, _):
        events = vm.events()
        waiting = vm.start("wait_event", "STOP")
        servers.go_away()
        with pytest.raises(ConnectionClosed, match=r"not made anew in 0\.2 s: ") as caught:
            waiting.result(PATIENCE)
        assert isinstance(caught.value.__cause__, OSError)
        assert vm.is_closed
        assert list(events) == []
        with pytest.raises(ConnectionClosed, match="not made anew"):
            vm.execute("query-status")


def test_closing_while_it_is_connecting_anew(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path, reconnect=None) as (vm, servers, _):
        waiting = vm.start("wait_event", "STOP", timeout=None)
        servers.go_away()
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        vm.close()
        with pytest.raises(ConnectionClosed, match="the client was closed"):
            waiting.result(PATIENCE)
        with pytest.raises(ConnectionClosed, match="the client was closed"):
            vm.execute("query-status")
        assert vm.is_closed


def test_closing_is_no_interruption(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path) as (vm, _, _):
        vm.close()
        assert vm.client.interruptions == ()


def test_a_job_is_not_followed_into_the_next_connection(face: Face, tmp_path: Path) -> None:
    """Events about its end may have been lost between the connections."""
    with connected(face, tmp_path) as (vm, servers, server):
        running = vm.start("run_job", "blockdev-backup", {"job-id": "j"})
        server.reply(server.command())
        server.close()
        with pytest.raises(CommandInterrupted, match="job j may still be running"):
            running.result(PATIENCE)
        after = vm.begin("query-jobs")
        second = servers.greet()
        second.reply(second.command(), [])
        assert after.result(PATIENCE) == []


def test_without_it_the_end_is_the_end(face: Face, tmp_path: Path) -> None:
    with connected(face, tmp_path, reconnect=0.0) as (vm, _, server):
        server.close()
        with pytest.raises((CommandInterrupted, ConnectionClosed)):
            vm.execute("query-status")
        assert vm.is_closed
        assert vm.client.interruptions == ()


def test_a_socket_cannot_be_connected_to_again(face: Face) -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="expected an address to connect to again"):
        face.connect(one, reconnect=1.0)


def test_no_descriptor_is_left_over(face: Face, tmp_path: Path) -> None:
    before = open_fds()
    with connected(face, tmp_path) as (vm, servers, server):
        for number in range(1, 6):
            server.close()
            until_lost(vm, number)
            executing = vm.begin("query-status")
            server = servers.greet()
            server.reply(server.command())
            executing.result(PATIENCE)
    assert open_fds() == before


def test_only_so_many_interruptions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.INTERRUPTIONS", 3)
    interruptions = Interruptions()
    for number in range(10):
        interruptions.add("gone", number, tuple("abcdef"))
    assert [each.last_event for each in interruptions.known] == [7, 8, 9]
    assert interruptions.known[0].commands == ("a", "b", "c")


def test_waiting_gets_longer_and_has_an_end() -> None:
    patience = Backoff(None)
    delays = [patience.next_delay() for _ in range(50)]
    assert delays == sorted(delays)
    assert delays[-1] == 2.0
    assert Backoff(0.01).next_delay() <= 0.01
