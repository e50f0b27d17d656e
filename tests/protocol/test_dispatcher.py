"""The turns of several connections."""

import msgspec
import pytest

from qmpeer.messages import CommandMessage
from tests.protocol.pretended_server import PretendedServer


def requests(*names: str) -> bytes:
    return b"".join(
        msgspec.json.encode({"execute": "slow" if name.startswith("slow") else "x", "id": name})
        for name in names
    )


def server_with(*, holds: bool) -> PretendedServer:
    return PretendedServer({"x": lambda arguments: {}}, slow=("slow",), holds=holds)


def test_connections_take_turns() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated("oob"), server.negotiated("oob")
    server.receive(a, requests("slow"))
    server.receive(a, requests("a1", "a2", "a3"))
    server.receive(b, requests("b1", "b2", "b3"))
    server.finish()
    assert server.started == ["slow", "b1", "a1", "b2", "a2", "b3", "a3"]  # as in QEMU 7.2


def test_three_of_unequal_length() -> None:
    server = server_with(holds=True)
    a, b, c = (server.negotiated("oob") for _ in range(3))
    server.receive(a, requests("slow", "a1", "a2", "a3"))
    server.receive(b, requests("b1"))
    server.receive(c, requests("c1", "c2"))
    server.finish()
    assert server.started == ["slow", "b1", "c1", "a1", "c2", "a2", "a3"]


def test_a_command_that_blocks_holds_everything_in_band() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated(), server.negotiated()
    server.receive(a, requests("slow"))
    server.receive(b, requests("b1"))
    assert server.started == ["slow"]
    server.finish()
    assert server.started == ["slow", "b1"]


def test_a_command_that_runs_on_holds_its_own_connection_only() -> None:
    server = server_with(holds=False)
    a, b = server.negotiated("oob"), server.negotiated("oob")
    server.receive(a, requests("slow", "a1"))
    server.receive(b, requests("b1", "b2"))
    assert server.started == ["slow", "b1", "b2"]
    server.finish()
    assert server.started == ["slow", "b1", "b2", "a1"]


@pytest.mark.parametrize("enable", [(), ("oob",)])
def test_a_connection_that_closed_loses_its_turn(enable: tuple[str, ...]) -> None:
    server = server_with(holds=True)
    a, b, c = server.negotiated(*enable), server.negotiated(*enable), server.negotiated(*enable)
    server.receive(a, requests("slow"))
    server.receive(b, requests("b1"))
    server.receive(c, requests("c1"))
    b.close()
    server.finish()
    assert server.started == ["slow", "c1"]


def test_the_holder_goes_on_when_its_client_has_left() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated(), server.negotiated()
    server.receive(a, requests("slow"))
    server.receive(b, requests("b1"))
    a.close()
    server.pump()
    assert server.started == ["slow"]
    server.finish()
    assert server.started == ["slow", "b1"]


def test_only_the_holder_releases() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated(), server.negotiated()
    server.receive(a, requests("slow"))
    server.receive(b, requests("b1"))
    server.dispatcher.release(server.running[0][1].__class__("other"))
    server.pump()
    assert server.started == ["slow"]


def test_stopped() -> None:
    server = server_with(holds=False)
    a = server.negotiated("oob")
    server.receive(a, requests("slow", "a1"))
    server.dispatcher.stop()
    server.finish()
    assert server.started == ["slow"]


def test_whoever_finds_nobody_waiting_has_the_turn_at_once() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated(), server.negotiated()
    b.receive_data(requests("b1"))
    assert b.admit() is True  # it is queued
    server.dispatcher.enlist(b, b)
    assert not server.dispatcher.is_free
    a.receive_data(requests("a1"))
    assert a.admit(server.dispatcher.is_free) is True
    server.pump()
    assert server.started == ["b1"]
    assert server.dispatcher.is_free
    b.receive_data(requests("b2"))
    command = b.admit(server.dispatcher.is_free)
    assert isinstance(command, CommandMessage)
    assert (b.running, b.can_take, b.admit(True)) == (command, False, False)


def test_nobody_is_free_to_go_while_one_is_held_or_the_server_stops() -> None:
    server = server_with(holds=True)
    a, b = server.negotiated(), server.negotiated()
    server.receive(a, requests("slow"))
    assert not server.dispatcher.is_free
    b.receive_data(requests("b1"))
    assert b.admit(server.dispatcher.is_free) is True
    server.finish()
    assert server.dispatcher.is_free
    server.dispatcher.stop()
    assert not server.dispatcher.is_free
