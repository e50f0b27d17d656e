"""A monitor belongs to the process that started it, whatever its forked children do."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client, Monitor
from qmpeer.transport import AddressLike
from tests.forks import in_child, living_child
from tests.patience import PATIENCE

ADDRESSES: dict[str, Callable[[Path], str]] = {
    "unix": lambda folder: f"unix:{folder / 'm'}",
    "tcp": lambda folder: "tcp:127.0.0.1:0",
}


@pytest.fixture(params=ADDRESSES)
def monitor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Monitor]:
    made = Monitor(name="parent")
    made.start(ADDRESSES[request.param](tmp_path), many=True)
    yield made
    made.stop()


def address_of(monitor: Monitor) -> AddressLike:
    (listener,) = monitor.listeners
    return str(listener.address)


def stop_twice(monitor: Monitor) -> None:
    monitor.stop()
    monitor.stop()
    monitor.shutdown()


def collect(monitor: Monitor) -> None:
    del monitor
    gc.collect()


USES: dict[str, Callable[[Monitor], object]] = {
    "stop": stop_twice,
    "emit": lambda monitor: monitor.emit("X"),
    "connections": lambda monitor: monitor.connections or None,
    "nothing": collect,
}


@pytest.mark.parametrize("how", USES)
def test_what_a_child_does_reaches_no_client(monitor: Monitor, how: str) -> None:
    address = address_of(monitor)
    with Client.connect(address, timeout=PATIENCE, command_timeout=PATIENCE) as vm:
        mark = vm.event_mark()
        assert in_child(lambda: USES[how](monitor)) == "None"
        assert vm.execute("query-version")["package"] == "parent"
        monitor.emit("Y")
        assert vm.wait_event(since=mark).name == "Y"
        with Client.connect(address, timeout=PATIENCE) as second:
            assert second.execute("query-version", timeout=PATIENCE)["package"] == "parent"


def test_a_child_keeps_no_client_and_no_address(monitor: Monitor) -> None:
    address = address_of(monitor)
    with Client.connect(address, timeout=PATIENCE) as vm, living_child(lambda: None):
        monitor.stop()
        with pytest.raises(Exception, match="closed the connection"):
            vm.wait_event("X", timeout=PATIENCE)
        with pytest.raises(OSError, match=r"refused|No such file"):
            Client.connect(address, timeout=PATIENCE)


def test_a_child_may_start_it_for_itself(monitor: Monitor, tmp_path: Path) -> None:
    def start() -> object:
        monitor.start(f"unix:{tmp_path / 'child'}")
        with Client.connect(f"unix:{tmp_path / 'child'}", timeout=PATIENCE) as vm:
            return vm.execute("query-version", timeout=PATIENCE)["package"]

    assert in_child(start) == "'parent'"
