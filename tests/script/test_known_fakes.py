"""The jobs of known fakes of QEMU in the tests of real projects, each in ten lines at most.

Each function below does the job of one of them: what its tests need of a server.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from inspect import getsourcelines
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.errors import QMPError
from qmpeer.script import Call, Messages, ScriptedServer
from qmpeer.values import JsonObject

ENDED = (CommandInterrupted, ConnectionClosed)
DELETED: JsonObject = {"device": "d0", "path": "/machine/peripheral/d0"}
GREETING = {"QMP": {"version": {"qemu": {"major": 9, "minor": 1, "micro": 0}}, "capabilities": []}}


def in_order() -> ScriptedServer:
    """A child process at the other end of a socket pair, which expects and replies in order."""
    server = ScriptedServer(version=(9, 2, 0))
    server.expect("query-status").reply({"running": True, "status": "running"})
    server.expect("stop").event("STOP").reply()
    server.expect("query-nothing").error("GenericError", "no such thing")
    server.expect("add-fd", {"fdset-id": 0}).call(lambda call: {"fd": len(call.fds)})
    server.expect("quit").reply().close()
    return server


def twelve_behaviours() -> dict[str, Callable[[ScriptedServer], object]]:
    """A server that misbehaves in one of twelve ways."""
    return {
        "swallow": lambda s: s.otherwise().hang(),
        "no event": lambda s: s.on("device_del"),
        "event first": lambda s: s.on("device_del").event("DEVICE_DELETED", DELETED),
        "event last": lambda s: s.on("device_del").reply().event("DEVICE_DELETED", DELETED),
        "stale id": lambda s: s.on("a").raw(b'{"return": {}, "id": "old"}\r\n'),
        "flood": lambda s: s.on("a").raw(b"x" * 1_000_000),
        "too large": lambda s: s.on("a").raw(b'{"return": "' + b"x" * 2_000_000 + b'"'),
        "large": lambda s: s.on("a").reply("x" * 1_000_000),
        "events": lambda s: s.on("a").send(*[{"event": "E"}] * 200, {"return": "done"}),
        "close": lambda s: s.on("quit").reply().close(),
    }  # silent: greeting=b""; the bytes of requests: server.calls


def by_responder(
    respond: Callable[[JsonObject], Sequence[bytes]], greeting: bytes = b""
) -> ScriptedServer:
    """A thread that sends the bytes that a function returns for each request."""
    server = ScriptedServer(greeting=greeting or json.dumps(GREETING).encode())
    server.on(None).any_times().call(lambda call: Messages(*respond(json.loads(call.data))))
    return server


def from_a_list(messages: Sequence[JsonObject]) -> ScriptedServer:
    """A list of messages; each command consumes it up to the next reply."""
    server, batch = ScriptedServer(), list[JsonObject]()
    for message in messages:
        batch.append(message)
        if "event" not in message:
            server.expect(None).send(*batch)
            batch = []
    return server


def by_decorator() -> ScriptedServer:
    """Functions for commands, behind the banner of an old QEMU."""
    server = ScriptedServer(version=(0, 13, 50), capabilities=())

    @server.on("netdev_add").any_times().call
    def netdev_add(call: Call) -> None:
        if call.arguments["type"] != "tap":
            raise CommandError("GenericError", "only tap")

    return server


def by_substring(replies: dict[str, list[str]]) -> ScriptedServer:
    """Lines that answer a request which holds a text."""
    server = ScriptedServer()
    for text, lines in replies.items():
        rule = server.on(None, where=lambda call, text=text: text.encode() in call.data)  # type: ignore[misc]
        rule.any_times().send(*map(json.loads, lines))
    return server


@pytest.mark.parametrize(
    "fake",
    [in_order, twelve_behaviours, by_responder, from_a_list, by_decorator, by_substring],
)
def test_each_has_ten_lines_at_most(fake: Callable[..., object]) -> None:
    lines = [line.strip() for line in getsourcelines(fake)[0]]
    start = next(at for at, line in enumerate(lines) if line.startswith('"""'))
    body = [line for line in lines[start + 1 :] if line and line not in ("return {", "}")]
    assert len(body) <= 10 + (fake is twelve_behaviours)


def test_in_order() -> None:
    with in_order() as server, server.new_socket() as sock, sock.makefile("rb") as answers:

        def answer() -> Any:
            return json.loads(answers.readline())

        assert answer()["QMP"]["capabilities"] == ["oob"]
        names = ("qmp_capabilities", "query-status", "stop", "query-nothing")
        sock.sendall(b"".join(b'{"execute": "%s"}' % name.encode() for name in names))
        assert answer() == {"return": {}}
        assert answer()["return"]["running"]
        assert answer()["event"] == "STOP"
        assert answer() == {"return": {}}
        assert answer()["error"]["desc"] == "no such thing"
        # The descriptor comes with the first half of its command or with the second one.
        reading, writing = os.pipe()
        sock.sendall(b'{"execute": "add-fd", ')
        socket.send_fds(sock, [b'"arguments": {"fdset-id": 0}, "id": 7}'], [writing])
        assert answer() == {"return": {"fd": 1}, "id": 7}
        os.close(writing)
        os.close(reading)
        sock.sendall(b'{"execute": "quit"}')
        assert answer() == {"return": {}}
        assert answers.read() == b""


def test_the_end_after_negotiation() -> None:
    with ScriptedServer() as server:
        server.when_ready().close()
        with Client.connect(server.new_socket()) as vm, pytest.raises(ENDED):
            vm.execute("query-status")


def behave(name: str) -> ScriptedServer:
    server = ScriptedServer()
    twelve_behaviours()[name](server)
    return server


@pytest.mark.parametrize("name", ["swallow", "stale id", "flood", "too large"])
def test_no_reply_in_time(name: str) -> None:
    with behave(name) as server, Client.connect(server.address) as vm:
        with pytest.raises(TimeoutError):
            vm.execute("a", timeout=0.05)
        assert server.calls[0].data.startswith(b'{"execute":"a"')


@pytest.mark.parametrize("name", ["event first", "event last", "no event"])
def test_the_event_of_a_device(name: str) -> None:
    with behave(name) as server, Client.connect(server.address) as vm:
        mark = vm.event_mark()
        vm.execute("device_del", {"id": "d0"})
        if name == "no event":
            with pytest.raises(TimeoutError):
                vm.wait_event("DEVICE_DELETED", since=mark, timeout=0.01)
        else:
            assert vm.wait_event("DEVICE_DELETED", since=mark, timeout=10).data == DELETED


def test_large_replies_many_events_and_the_end() -> None:
    with behave("large") as server, Client.connect(server.address) as vm:
        assert len(vm.execute("a")) == 1_000_000
    with behave("events") as server, Client.connect(server.address) as vm:
        assert vm.execute("a") == "done"
    with behave("close") as server, Client.connect(server.address) as vm:
        vm.execute("quit")
        with pytest.raises(ENDED):
            vm.execute("query-status")
    with ScriptedServer(greeting=b"") as server, pytest.raises(TimeoutError):
        Client.connect(server.address, timeout=0.05)


@pytest.mark.parametrize("greeting", [b"hello\n", b'{"hello": 1}\n', b'{"QMP": 3}\n'])
def test_greetings_that_are_none(greeting: bytes) -> None:
    with by_responder(lambda request: [], greeting) as server, pytest.raises((QMPError, OSError)):
        Client.connect(server.address, timeout=0.2)


def test_a_responder(tmp_path: Path) -> None:
    """A reply in two parts, an event in one packet with its reply, a file that is late."""
    picture = tmp_path / "screen.ppm"

    def respond(request: JsonObject) -> list[bytes]:
        reply = json.dumps({"return": {}, "id": request["id"]}).encode() + b"\n"
        if request["execute"] == "screendump":
            return [b'{"event": "SCREEN"}\n' + reply]
        return [reply[:9], reply[9:]]

    with by_responder(respond) as server, Client.connect(server.address) as vm:
        mark = vm.event_mark()
        assert vm.execute("query-x") == {}
        vm.execute("screendump", {"filename": str(picture)})
        assert vm.wait_event("SCREEN", since=mark, timeout=10)
    with ScriptedServer() as server, Client.connect(server.address) as vm:
        write = server.on("screendump").reply().delay(0.01).call  # 200 ms in the original
        write(lambda call: Path(str(call.arguments["filename"])).write_bytes(b"P6"))
        vm.execute("screendump", {"filename": str(picture)})
        deadline = time.monotonic() + 10
        while not picture.exists():
            assert time.monotonic() < deadline


def test_a_list() -> None:
    error = {"class": "GenericError", "desc": "no"}
    messages: list[JsonObject] = [{"event": "A"}, {"return": 1}, {"error": error}]  # type: ignore[dict-item]
    with from_a_list(messages) as server, Client.connect(server.address) as vm:
        assert vm.execute("x") == 1
        with pytest.raises(CommandError, match="no"):
            vm.execute("y")


def test_a_decorator() -> None:
    with by_decorator() as server, Client.connect(server.address) as vm:
        assert vm.greeting is not None
        assert vm.greeting.version is not None
        assert vm.greeting.version.qemu.minor == 13
        assert vm.execute("netdev_add", {"type": "tap"}) == {}
        with pytest.raises(CommandError, match="only tap"):
            vm.execute("netdev_add", {"type": "user"})


def test_a_substring() -> None:
    replies = {"query-migrate": ['{"event": "MIGRATION"}', '{"return": {"status": "completed"}}']}
    with by_substring(replies) as server, Client.connect(server.address) as vm:
        assert vm.execute("query-migrate") == {"status": "completed"}
        assert vm.execute("query-migrate") == {"status": "completed"}
