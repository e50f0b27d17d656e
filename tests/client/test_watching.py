"""Watchers of new clients."""

from typing import Any

import pytest

from qmpeer import AsyncClient, AsyncGuestAgent, Client, Monitor
from qmpeer.client.watching import peer_of, was_closed, watched_clients


@pytest.fixture
def server(tmp_path: Any) -> Any:
    monitor = Monitor()
    address = f"unix:{tmp_path}/qmp"

    @monitor.command("quit")
    def quit() -> None:
        monitor.shutdown()

    monitor.start(address)
    yield address
    monitor.stop()


def test_a_client_is_announced_to_all_watchers(server: str) -> None:
    first: list[Any] = []
    second: list[Any] = []
    with watched_clients(first.append), watched_clients(second.append):
        with Client.connect(server) as vm:
            assert not was_closed(vm)
        with Client.connect(server, reconnect=1.0) as other:
            assert not was_closed(other)
    assert first == second == [vm, other]
    assert [peer_of(each) for each in first] == [server, server]
    assert all(was_closed(each) for each in first)
    Client.connect(server).close()
    assert len(first) == 2


def test_a_server_that_leaves_closes_no_client(server: str) -> None:
    with Client.connect(server) as vm:
        vm.execute("quit")
        assert not was_closed(vm)
    assert was_closed(vm)


async def test_async_clients(server: str) -> None:
    found: list[Any] = []
    with watched_clients(found.append):
        async with await AsyncClient.connect(server) as vm:
            assert not was_closed(vm)
    assert found == [vm]
    assert was_closed(vm)


async def test_a_guest_agent() -> None:
    found: list[Any] = []
    with watched_clients(found.append), pytest.raises(OSError):
        await AsyncGuestAgent.connect("unix:/nowhere/ga", timeout=0.1)
    (agent,) = found
    assert peer_of(agent) == "unix:/nowhere/ga"
    assert was_closed(agent)  # by the call that failed
