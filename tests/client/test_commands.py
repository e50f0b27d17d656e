"""Commands: their form on the wire, their outcomes, and the matching of replies."""

import json
import math
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted, limits
from qmpeer.errors import LimitError, LocalProtocolError, ValidationError
from tests.client.conftest import OurMonitor
from tests.client.faces import Face
from tests.client.scripted import PLAIN_GREETING, connected
from tests.patience import PATIENCE

STOPPED = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'


def test_the_shortest_form(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("query-status", {})
        data = server.socket.recv(4096, 0x2)  # MSG_PEEK
        command = server.command()
        assert set(command) == {"execute", "id"}
        assert len(data) == len('{"execute":"query-status","id":}\n') + len(str(command["id"]))
        assert command["id"] in range(100)
        server.reply(command, {"running": True})
        assert executing.result(PATIENCE) == {"running": True}


def test_the_order_of_replies_does_not_matter(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = [vm.begin("echo", {"value": number}) for number in range(8)]
        commands = [server.command() for _ in executing]
        for command in reversed(commands):
            server.event("STOP")
            server.reply(command, command["arguments"]["value"])
        assert [each.result(PATIENCE) for each in executing] == list(range(8))


def test_an_error_has_all_its_facts(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("device_del", {"id": "nope"})
        command = server.command()
        server.fail(command, "DeviceNotFound", "Device 'nope' not found")
        with pytest.raises(CommandError) as caught:
            executing.result(PATIENCE)
        error = caught.value
        assert (error.error_class, error.desc) == ("DeviceNotFound", "Device 'nope' not found")
        assert (error.command, error.id) == ("device_del", command["id"])
        assert str(error) == "DeviceNotFound: Device 'nope' not found"


UNFIT: dict[str, tuple[Any, type[Exception]]] = {
    "object": (object(), TypeError),
    "nested": ([{"a": object()}], TypeError),
    "function": (print, TypeError),
    "complex": (1j, TypeError),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_json_cannot_hold_is_not_sent(face: Face, name: str) -> None:
    value, kind = UNFIT[name]
    with connected(face) as (vm, server):
        with pytest.raises(kind):
            vm.execute("echo", {"value": value})
        executing = vm.begin("echo", {"value": 1})
        assert server.command()["arguments"] == {"value": 1}
        assert not server.has_input()
        server.close()
        with pytest.raises(Exception, match="cut off"):
            executing.result(PATIENCE)


FIT: dict[str, Any] = {
    "unicode": "\u00e9\u4e2d\U0001f600\x00\x7f",
    "escapes": "\"\\\b\f\n\r\t/'",
    "integers": [0, -1, 2**63 - 1, -(2**63), 2**64 - 1],
    "floats": [0.1, -0.0, 1e-300, math.pi],
    "words": [True, False, None],
    "empty": [[], {}, ""],
    "keys": {"": 1, "a.b": 2, "id": 3},
}


@pytest.mark.parametrize("name", FIT)
def test_values_come_back_as_they_went(face: Face, ours: OurMonitor, name: str) -> None:
    with face.connect(ours.address) as vm:
        assert vm.execute("echo", {"value": FIT[name]}) == {"value": FIT[name]}


@pytest.mark.parametrize("value", [None, False, 0, "", [], "text", [1], 1.5])
def test_any_value_may_be_returned(face: Face, value: Any) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.say({"return": value, "id": server.command()["id"]})
        assert executing.result(PATIENCE) == value


def test_replies_that_are_nobodys_are_passed_over(face: Face) -> None:
    """QEMU sends a reply to a client that has left to the next client."""
    with connected(face) as (vm, server):
        executing = vm.begin("query-name")
        command = server.command()
        server.say({"return": "no id"})
        server.say({"return": "another's", "id": "old-client"})
        server.say({"return": "unknown", "id": command["id"] + 1000})
        server.reply(command, "ours")
        assert executing.result(PATIENCE) == "ours"


def test_an_error_without_an_id_ends_the_oldest_command(face: Face) -> None:
    with connected(face) as (vm, server):
        calls, ids = [], []
        for name in "abc":
            calls.append(vm.begin(name))
            ids.append(server.command()["id"])
        first, second, third = calls
        server.say({"error": {"class": "GenericError", "desc": "JSON parse error, x"}})
        with pytest.raises(CommandError, match="JSON parse error, x") as caught:
            first.result(PATIENCE)
        assert caught.value.command == "a"
        server.say({"error": {"class": "GenericError", "desc": "JSON parse error, y"}})
        server.say({"return": {}, "id": ids[2]})
        assert third.result(PATIENCE) == {}
        with pytest.raises(CommandError, match="JSON parse error, x"):
            second.result(PATIENCE)


def test_what_no_server_reads_is_not_sent(face: Face) -> None:
    deep: Any = []
    for _ in range(limits.NESTING):
        deep = [deep]
    with connected(face) as (vm, server):
        with pytest.raises(ValidationError, match=r"arguments\.a holds U\+D800, a lone surrogate"):
            vm.execute("x", {"a": "\ud800"})
        with pytest.raises(LimitError, match="nested deeper than 1024 levels"):
            vm.execute("x", {"a": deep})
        executing = vm.begin("y")
        command = server.command()
        assert command["execute"] == "y"
        server.reply(command)
        assert executing.result(PATIENCE) == {}


def test_a_server_that_never_echoes_ids(face: Face) -> None:
    with connected(face, negotiate=False) as (vm, server):
        first = vm.begin("guest-info")
        server.command()
        second = vm.begin("guest-ping")
        server.command()
        server.say({"return": 1})
        server.say({"error": {"class": "GenericError", "desc": "no"}})
        assert first.result(PATIENCE) == 1
        with pytest.raises(CommandError, match="GenericError: no"):
            second.result(PATIENCE)


def test_members_from_the_future_are_passed_over(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.say({"return": 1, "id": server.command()["id"], "new": [1]})
        assert executing.result(PATIENCE) == 1


def test_odd_messages_that_end_nothing(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        id = server.command()["id"]
        server.send(b'{"event": "ODD", "data": null}\r\n')
        server.send(b'{"return": [NaN, Infinity, -Infinity, 1.5], "id": %d}\r\n' % id)
        assert executing.result(PATIENCE) == [None, None, None, 1.5]
        assert vm.wait_event("ODD", since=0, timeout=PATIENCE).data == {}
        executing = vm.begin("y")
        server.say({"error": {"class": "DeviceNotFound"}, "id": server.command()["id"]})
        with pytest.raises(CommandError, match="DeviceNotFound: the server didn't say why"):
            executing.result(PATIENCE)
        executing = vm.begin("z")
        server.reply(server.command(), 1)
        assert executing.result(PATIENCE) == 1


def test_a_reply_that_is_not_json_is_quoted(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.command()
        server.send(b'{"return": {"file": "C:\\save\x1b"}}\r\n')
        with pytest.raises(CommandInterrupted) as caught:
            executing.result(PATIENCE)
        assert r"""found '{"return": {"file": "C:\\save\x1b"}}' in place of QMP""" in str(
            caught.value
        )


def test_an_error_without_class(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.say({"error": {"desc": "odd"}, "id": server.command()["id"]})
        with pytest.raises(CommandError, match="GenericError: odd"):
            executing.result(PATIENCE)


def test_a_reply_cut_in_two_at_every_byte(face: Face) -> None:
    with connected(face) as (vm, server):
        expected = {"a": "\u00e9\\\"'}{][\U0001f600", "b": [{}, []]}
        size = len(json.dumps({"return": expected, "id": 10})) + 2
        for cut in range(1, size):
            executing = vm.begin("x")
            command = server.command()
            reply = json.dumps({"return": expected, "id": command["id"]}).encode() + b"\r\n"
            server.send(reply[:cut])
            server.send(reply[cut:])
            assert executing.result(PATIENCE) == expected


def test_messages_without_anything_between_them(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.send(f'{STOPPED}{STOPPED}{{"return": 1, "id": {server.command()["id"]}}}'.encode())
        assert executing.result(PATIENCE) == 1
        assert vm.event_mark() == 2


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b""], ids=repr)
def test_any_end_of_line(face: Face, line_end: bytes) -> None:
    with connected(face) as (vm, server):
        server.line_end = line_end
        for _ in range(3):
            executing = vm.begin("x")
            command = server.command()
            server.event("STOP")
            server.reply(command, {"a": "}{"})
            assert executing.result(PATIENCE) == {"a": "}{"}
        assert vm.event_mark() == 3


def test_pretty_replies(face: Face) -> None:
    with connected(face) as (vm, server):
        for _ in range(3):
            executing = vm.begin("x")
            message = {"return": {"a": [{}, [], {"b": "}\n"}]}, "id": server.command()["id"]}
            pretty = json.dumps(message, indent=4).replace("\n", "\r\n")
            event = json.dumps(json.loads(STOPPED), indent=4).replace("\n", "\r\n")
            server.send(f"{event}\r\n{pretty}\r\n".encode())
            assert executing.result(PATIENCE) == message["return"]
        assert vm.event_mark() == 3


def test_bytes_ff_are_passed_over(face: Face) -> None:
    with connected(face, negotiate=False) as (vm, server):
        server.line_end = b"\n"
        for mark in (b"\xff", b"\xff\xff", b"\n\xff\n"):
            executing = vm.begin("guest-sync-delimited", {"id": 7})
            command = server.command()
            server.send(mark)
            server.reply(command, 7)
            assert executing.result(PATIENCE) == 7


def test_the_answer_to_a_byte_ff_is_not_the_commands(face: Face) -> None:
    """The recommended opening for a guest agent begins with a byte that the agent answers."""
    with connected(face, negotiate=False) as (vm, server):
        executing = vm.begin("guest-sync-delimited", {"id": 7})
        command = server.command()
        server.say({"error": {"class": "GenericError", "desc": "JSON parse error, stray '\ufffd'"}})
        server.send(b"\xff")
        server.reply(command, 7)
        assert executing.result(PATIENCE) == 7


@pytest.mark.slow
def test_a_reply_of_100_mib(face: Face) -> None:
    text = "x" * (100 << 20)
    with connected(face) as (vm, server):
        executing = vm.begin("guest-file-read", timeout=PATIENCE)
        command = server.command()
        server.send(b'{"return": "' + text.encode() + b'", "id": %d}\r\n' % command["id"])
        assert executing.result(PATIENCE) == text


def test_a_command_that_is_larger_than_any_buffer(face: Face, ours: OurMonitor) -> None:
    text = "x" * (8 << 20)
    with face.connect(ours.address) as vm:
        assert vm.execute("echo", {"value": text}) == {"value": text}


def test_out_of_band_overtakes(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        holding = vm.begin("hold", {"name": "a"})
        vm.wait_event("HELD", since=0, timeout=PATIENCE)
        assert vm.execute("release", {"name": "a"}, oob=True, timeout=PATIENCE) == {}
        assert holding.result(PATIENCE) == {"held": "a"}


@pytest.mark.parametrize("has_overtaken", [True, False], ids=["after_oob", "max_in_flight"])
def test_eight_in_band_commands_are_in_flight_at_the_most(face: Face, has_overtaken: bool) -> None:
    """With more, the server wouldn't read the out-of-band command behind them."""
    options: Any = {} if has_overtaken else {"max_in_flight": 8}
    with connected(face, **options) as (vm, server):
        if has_overtaken:
            pausing = vm.begin("migrate-pause", oob=True)
            server.reply(server.command())
            pausing.result(PATIENCE)
        executing = []
        for number in range(8):
            executing.append(vm.begin("x", {"n": number}))
            assert server.command()["arguments"] == {"n": number}
        executing += [vm.begin("x", {"n": number}) for number in range(8, 12)]
        # An out-of-band command behind them isn't queued, which shows that they are.
        urgent = vm.begin("migrate-pause", oob=True)
        command = server.command()
        assert "exec-oob" in command
        server.reply(command)
        assert urgent.result(PATIENCE) == {}
        assert not server.has_input()


def test_the_window_moves_on(face: Face) -> None:
    with connected(face, max_in_flight=3) as (vm, server):
        executing = [vm.begin("x", {"n": number}) for number in range(20)]
        for _ in executing:
            command = server.command()
            server.reply(command, command["arguments"]["n"])
        assert sorted(each.result(PATIENCE) for each in executing) == list(range(20))


def test_before_out_of_band_is_used_there_is_no_window(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = [vm.begin("x", {"n": number}) for number in range(20)]
        commands = [server.command() for _ in executing]
        for command in commands:
            server.reply(command)
        assert [each.result(PATIENCE) for each in executing] == [{}] * 20


def test_out_of_band_has_to_be_enabled(face: Face) -> None:
    with connected(face, PLAIN_GREETING) as (vm, server):
        with pytest.raises(LocalProtocolError, match="'oob' would be needed"):
            vm.execute("migrate-pause", oob=True)
        assert not server.has_input()


def test_a_pretty_monitor_of_ours(face: Face, tmp_path: Any) -> None:
    pretty = OurMonitor(tmp_path / "pretty")
    pretty.start(pretty=True)
    try:
        with face.connect(pretty.address) as vm:
            assert vm.execute("echo", {"value": [[], {}, "\n}\n"]}) == {"value": [[], {}, "\n}\n"]}
            vm.execute("emit", {"name": "STOP"})
            assert vm.event_mark() == 1
    finally:
        pretty.monitor.stop()
