"""Scripted servers on a real wire.

Modules: conversation, session.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, Client, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.errors import ScriptError, ScriptMismatch
from qmpeer.faults import Faults
from qmpeer.messages import QemuVersion
from qmpeer.script import Call, Messages, ScriptedServer
from qmpeer.values import JsonObject


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.start()
    yield server
    server.stop()


def test_events_before_the_reply_and_after_it(server: ScriptedServer) -> None:
    server.on("device_del", {"id": "d0"}).event("A").reply({"x": 1}).event("B", {"y": 2})
    with Client.connect(server.new_socket()) as vm:
        mark = vm.event_mark()
        assert vm.execute("device_del", {"id": "d0"}) == {"x": 1}
        assert vm.wait_event("B", since=mark, timeout=10).data == {"y": 2}
    lines = [line for line in server.conversation.splitlines() if line.startswith("<-")][-3:]
    order = ['"event": "A"', '"return": {"x": 1}', '"event": "B"']
    assert all(part in line for part, line in zip(order, lines, strict=True))
    server.verify()


def test_a_rule_without_an_answer_replies_last(server: ScriptedServer) -> None:
    server.on("stop").event("STOP")
    with Client.connect(server.address) as vm:
        assert vm.execute("stop") == {}
    lines = server.conversation.splitlines()
    at = next(number for number, line in enumerate(lines) if "STOP" in line and "<-" in line)
    assert lines[at + 1].startswith('<- {"return": {}')


def test_errors_functions_and_delays(server: ScriptedServer) -> None:
    async def later(call: Call) -> dict[str, object]:
        await asyncio.sleep(0)
        return {"id": call.arguments["id"]}

    def refuse(call: Call) -> None:
        raise CommandError("DeviceNotFound", f"no {call.arguments['id']}")

    server.on("a").error("DeviceNotActive", "not active", more=1)
    server.on("b", {"id": 1}).call(later)
    server.on("b", {"id": 2}).call(refuse)
    server.on("c").call(lambda call: Messages({"event": "E"}, {"return": [1]}))
    server.on("d").delay(0.01).reply("late")
    with Client.connect(server.address) as vm:
        with pytest.raises(CommandError, match="not active") as raised:
            vm.execute("a")
        assert raised.value.error_class == "DeviceNotActive"
        assert vm.execute("b", {"id": 1}) == {"id": 1}
        with pytest.raises(CommandError, match="no 2"):
            vm.execute("b", {"id": 2})
        mark = vm.event_mark()
        assert vm.execute("c") == [1]
        assert vm.wait_event("E", since=mark, timeout=10)
        assert vm.execute("d") == "late"
    server.verify()


def test_a_function_that_fails_is_a_mismatch(server: ScriptedServer) -> None:
    server.on("a").call(lambda call: call.arguments["nothing"])
    with Client.connect(server.address) as vm, pytest.raises(CommandError, match="Internal error"):
        vm.execute("a")
    with pytest.raises(ScriptMismatch, match=r"failed: a .*\n  KeyError: 'nothing'"):
        server.verify()


def test_a_function_that_returns_what_json_does_not_have_is_a_mismatch(
    server: ScriptedServer,
) -> None:
    server.on("a").call(lambda call: {call.name: object()})
    with Client.connect(server.address) as vm, pytest.raises(CommandError, match="Internal error"):
        vm.execute("a")
    with pytest.raises(ScriptMismatch, match=r"failed: a .*\n  TypeError: found a value that JSON"):
        server.verify()


def test_a_function_that_returns_bytes(server: ScriptedServer) -> None:
    server.on("a").call(lambda call: b'{"return": 7, "id": %d}\r\n' % call.id)
    with Client.connect(server.address) as vm:
        assert vm.execute("a") == 7
    server.verify()


def test_bytes_as_they_stand(server: ScriptedServer) -> None:
    server.on("a").raw(b'{"ret').delay(0.001).raw(b'urn": {"b": 1}, "id": "x"}\r\n')
    server.on("b").raw(b"\xff").reply(2)
    with Client.connect(server.address) as vm:
        assert vm.execute("b") == 2
    with server.new_socket() as sock:
        file = sock.makefile("rwb")
        assert b'"QMP"' in file.readline()
        file.write(b'{"execute": "qmp_capabilities"} {"execute": "a", "id": "x"}')
        file.flush()
        assert file.readline() == b'{"return": {}}\r\n'
        assert file.readline() == b'{"return": {"b": 1}, "id": "x"}\r\n'
        file.close()
    server.verify()


def test_any_command(server: ScriptedServer) -> None:
    server.expect(None).send({"event": "A"}, {"return": 1})
    server.expect(None, {"b": 1}).reply(2)
    with Client.connect(server.address) as vm:
        assert vm.execute("x") == 1
        assert vm.execute("y", {"b": 1}) == 2
    server.verify()


def test_hang_blocks_in_band_commands_alone(server: ScriptedServer) -> None:
    server.on("a").hang()
    server.on("oob").reply("at once")
    with Client.connect(server.address) as vm:
        with pytest.raises(TimeoutError):
            vm.execute("a", timeout=0.01)
        assert vm.execute("oob", oob=True) == "at once"
        begun = time.monotonic()
        server.stop()
    assert time.monotonic() - begun < 4, "a command that hangs doesn't delay the end"


def test_close(server: ScriptedServer) -> None:
    server.on("quit").reply().close()
    server.on("crash").close()
    with Client.connect(server.address) as vm:
        assert vm.execute("quit") == {}
    with Client.connect(server.address) as vm, pytest.raises(CommandInterrupted):
        vm.execute("crash")
    server.when_ready().close()
    with (
        pytest.raises((ConnectionClosed, CommandInterrupted)),
        Client.connect(server.address) as vm,
    ):
        vm.execute("query-version")


def test_calls(server: ScriptedServer) -> None:
    server.otherwise()
    with Client.connect(server.address) as vm:
        vm.execute("a", {"b": [1]})
        vm.execute("a")
    first, second = server.calls
    assert (first.name, first.arguments, first.client) == ("a", {"b": [1]}, 1)
    assert first.data == b'{"execute":"a","arguments":{"b":[1]},"id":%d}' % first.id
    assert 0 <= first.time <= second.time
    assert server.calls.of("a")[1].arguments == {}
    with pytest.raises(AssertionError, match="found 2 calls of a, expected 1"):
        server.calls.only("a")


def test_descriptors_come_with_their_call(server: ScriptedServer) -> None:
    server.on("getfd", {"fdname": "x"})
    reading, writing = os.pipe()
    with Client.connect(server.new_socket()) as vm:
        vm.execute("getfd", {"fdname": "x"}, fds=[writing])
    os.close(writing)
    (fd,) = server.calls.only("getfd").fds
    os.write(fd, b"!")
    assert os.read(reading, 1) == b"!"
    server.stop()
    assert os.read(reading, 1) == b"", "the server has closed it"
    os.close(reading)


def test_wait_call(server: ScriptedServer) -> None:
    server.otherwise()

    def ask() -> None:
        with Client.connect(server.address) as vm:
            vm.execute("a", {"n": 1})
            vm.execute("a", {"n": 2})

    thread = threading.Thread(target=ask)
    thread.start()
    assert server.wait_call("a", count=2).arguments == {"n": 2}
    thread.join()
    with pytest.raises(TimeoutError, match="found 2 calls of a after 0 s, expected 3"):
        server.wait_call("a", count=3, timeout=0)


def test_states_by_command_by_test_and_by_time(server: ScriptedServer) -> None:
    server.on("query", state="start").reply("start").any_times()
    server.on("query", state="up").reply("up").any_times()
    server.on("query", state="gone").reply("gone").any_times()
    server.on("boot").goto("up")
    server.after(0.01, state="gone").event("SHUTDOWN")
    with Client.connect(server.address) as vm:
        mark = vm.event_mark()
        answers = [vm.execute("query")]
        vm.execute("boot")
        answers.append(vm.execute("query"))
        server.goto("gone")
        answers.append(vm.execute("query"))
        assert answers == ["start", "up", "gone"]
        assert vm.wait_event("SHUTDOWN", since=mark, timeout=10)
    server.verify()


def test_an_event_goes_to_everybody() -> None:
    with ScriptedServer(many=True) as server:
        server.on("stop").event("STOP").reply()
        with Client.connect(server.address) as one, Client.connect(server.address) as two:
            mark = two.event_mark()
            one.execute("stop")
            assert two.wait_event("STOP", since=mark, timeout=10)
            server.emit("RESUME")
            assert one.wait_event("RESUME", since=0, timeout=10)
            assert two.wait_event("RESUME", since=mark, timeout=10)


def test_a_server_that_does_not_negotiate() -> None:
    with ScriptedServer(greeting=None) as server:
        server.on("guest-ping")
        with Client.connect(server.address, negotiate=False) as agent:
            assert agent.execute("guest-ping") == {}


def test_another_greeting() -> None:
    with (
        ScriptedServer(version=(10, 0, 2), package="v10", capabilities=()) as server,
        Client.connect(server.address) as vm,
    ):
        assert vm.greeting is not None
        assert vm.greeting.version.qemu == QemuVersion(10, 0, 2)
        assert not vm.greeting.capabilities
        assert vm.execute("query-version")["package"] == "v10"


def test_faults() -> None:
    faults = Faults().cut(after="a")
    with ScriptedServer(faults=faults) as server:
        server.on("a")
        with Client.connect(server.address) as vm, pytest.raises(CommandInterrupted):
            vm.execute("a")


def test_with_asyncio() -> None:
    async def main() -> object:
        with ScriptedServer() as server:
            server.on("a").reply(1)
            async with await AsyncClient.connect(server.address) as vm:
                return await vm.execute("a")

    assert asyncio.run(main()) == 1


def test_the_end_of_a_block_verifies() -> None:
    with (
        pytest.raises(ScriptMismatch, match=r"not met: a .*test_server\.py"),
        ScriptedServer() as server,
    ):
        server.on("a")
    with pytest.raises(ZeroDivisionError), ScriptedServer() as server:
        server.on("a")
        raise ZeroDivisionError


@pytest.mark.parametrize("waived", ["allow_unexpected", "allow_unmet"])
def test_waiving(server: ScriptedServer, waived: str) -> None:
    server.on("a")
    with Client.connect(server.address) as vm, pytest.raises(CommandError):
        vm.execute("b")
    with pytest.raises(ScriptMismatch) as raised:
        server.verify(**{waived: True})
    assert len(raised.value.mismatches) == 1
    server.verify(allow_unexpected=True, allow_unmet=True)


def test_nothing_is_left(server: ScriptedServer) -> None:
    path = Path(server.address.removeprefix("unix:"))
    assert len(os.fsencode(path)) < 104
    assert path.is_socket()
    server.stop()
    server.stop()
    assert not path.parent.exists()


def test_it_starts_once(server: ScriptedServer) -> None:
    with pytest.raises(RuntimeError, match="started before"):
        server.start()
    with pytest.raises(RuntimeError, match="isn't started"):
        _ = ScriptedServer().address


def test_an_address_of_ones_own(tmp_path: Path) -> None:
    with ScriptedServer("tcp:localhost:0") as server:
        host, port = server.address.removeprefix("tcp:").rsplit(":", 1)
        socket.create_connection((host.strip("[]"), int(port)), 10).close()


def test_a_wrong_pattern_is_reported_at_its_line(server: ScriptedServer) -> None:
    with pytest.raises(ScriptError, match=r"test_server\.py:\d+: found the pattern"):
        server.on("a", {"b": "$regex:("})


async def _unsendable_later(call: Call) -> object:
    await asyncio.sleep(0)
    return object()


async def _cancelled(call: Call) -> object:
    raise asyncio.CancelledError


def _failed_test(call: Call) -> None:
    pytest.fail("the test's own words")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda call: object(), "TypeError"),
        (_unsendable_later, "TypeError"),
        (_cancelled, "CancelledError"),
        (_failed_test, "Failed: the test's own words"),
    ],
)
@pytest.mark.parametrize("delay", [0.0, 0.001])
def test_a_function_that_fails_answers_and_is_told(
    server: ScriptedServer, function: Callable[[Call], object], said: str, delay: float
) -> None:
    server.on("a").delay(delay).call(function)
    server.on("b")
    with Client.connect(server.address) as vm:
        with pytest.raises(CommandError, match="Internal error in a"):
            vm.execute("a", timeout=10)
        assert vm.execute("b", timeout=10) == {}
    with pytest.raises(ScriptMismatch, match=f"failed: a .*\n +{said}"):
        server.verify()


def test_messages_that_cannot_be_sent_are_told(server: ScriptedServer) -> None:
    unsendable: Any = object()
    event: JsonObject = {"event": "E", "data": {"x": unsendable}}
    server.on("a").call(lambda call: Messages({"return": 1}, event))
    with Client.connect(server.address) as vm, pytest.raises(CommandError, match="JSON doesn't"):
        vm.execute("a", timeout=10)
    with pytest.raises(ScriptMismatch, match="failed: a"):
        server.verify()


def test_a_choosing_function_that_fails_is_told(server: ScriptedServer) -> None:
    def chosen(call: Call) -> bool:
        return bool(call.arguments["nothing"])

    server.on("a", where=chosen).any_times()
    refused = pytest.raises(CommandError, match="Internal error in a: where: KeyError")
    with Client.connect(server.address) as vm, refused:
        vm.execute("a", timeout=10)
    with pytest.raises(ScriptMismatch, match=r"failed: a\n +.*test_server\.py:\d+: where: KeyErr"):
        server.verify()


def test_a_value_that_json_lacks_is_refused_at_once(server: ScriptedServer) -> None:
    unsendable: Any = object()
    for write in (
        lambda: server.on("a").reply([unsendable]),
        lambda: server.on("a").error("GenericError", "no", more=unsendable),
        lambda: server.on("a").event("E", {"x": unsendable}),
        lambda: server.on("a").send({"return": unsendable}),
        lambda: server.emit("E", {"x": unsendable}),
    ):
        with pytest.raises(ScriptError, match=r"test_server\.py:\d+: .*JSON doesn't have"):
            write()


def test_states_without_an_end_leave_time_for_clients_and_the_stop(server: ScriptedServer) -> None:
    server.on("a").any_times()
    server.after(0, state="one").goto("two")
    server.after(0, state="two").goto("one")
    with Client.connect(server.address) as vm:
        server.goto("one")
        assert vm.execute("a", timeout=10) == {}
    before = threading.active_count()
    server.stop()
    assert threading.active_count() == before - 1


def test_a_second_start_leaves_the_first_alone(server: ScriptedServer) -> None:
    address = server.address
    with pytest.raises(RuntimeError, match="started before"):
        server.start()
    assert server.address == address
    server.stop()
    with pytest.raises(RuntimeError, match="started before"):
        server.start()
    with pytest.raises(RuntimeError, match="isn't started"):
        _ = server.address
