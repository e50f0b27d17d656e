"""Commands and events of a binding, in both clients, against our own monitor."""

import asyncio
from collections.abc import Iterator
from typing import Any, assert_type

import pytest

from qmpeer import AsyncClient, Client, CommandError, CompletionError, Event
from qmpeer.bindings import Command, Empty, EventType, Struct, TypedEvent, command, event_type
from qmpeer.values import UNSET, UnsetType
from tests.client.conftest import OurMonitor
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE


class Echo(Struct, kw_only=True):
    value: int
    more: str | UnsetType = UNSET


class TickData(Struct, kw_only=True):
    count: int | UnsetType = UNSET


TICK: EventType[TickData] = event_type("TICK", TickData)
TOCK: EventType[Empty] = event_type("TOCK", Empty)


def echo(value: object) -> Command[Echo]:
    return command("echo", {"value": value}, Echo)


@pytest.fixture
def vm(face: Face, ours: OurMonitor) -> Iterator[Vm]:
    with face.connect(ours.address) as made:
        yield made


def test_a_typed_value_comes_back(vm: Vm) -> None:
    assert vm.execute(echo(3), timeout=PATIENCE) == Echo(value=3)


def test_errors_pass(vm: Vm) -> None:
    with pytest.raises(CommandError, match="nothing"):
        vm.execute(command("nothing", {}, Empty))


def test_what_a_newer_server_sends_is_kept(vm: Vm) -> None:
    answer = vm.execute(Command("echo", {"value": [1]}, echo(0).decode))
    assert answer.value == [1]


def test_a_typed_command_can_be_cancelled(ours: OurMonitor) -> None:
    async def go() -> None:
        async with await AsyncClient.connect(ours.address) as client:
            holding = client.execute(command("hold", {"name": "a"}, Empty))
            holding.cancel()
            await client.execute("release", {"name": "a"}, oob=True)
            assert (await client.execute(echo(1))).value == 1
            assert holding.cancelled()

    asyncio.run(go())


def test_typed_and_plain_events(vm: Vm) -> None:
    typed = vm.events(TICK)
    mixed = vm.events(TICK, "TOCK")
    mark = vm.event_mark()
    vm.execute("emit", {"name": "TICK"})
    vm.execute("emit", {"name": "TOCK"})
    first = typed.next()
    assert isinstance(first, TypedEvent)
    assert (first.name, first.data, first.number) == ("TICK", TickData(count=0), mark + 1)
    assert [type(mixed.next()) for _ in range(2)] == [TypedEvent, Event]


def test_wait_for_a_typed_event(vm: Vm) -> None:
    mark = vm.event_mark()
    vm.execute("emit", {"name": "TICK"})
    event = vm.wait_event(TICK, {"count": 0}, since=mark, timeout=PATIENCE)
    assert event.data == TickData(count=0)
    assert vm.wait_event([TOCK, TICK], since=mark, timeout=PATIENCE).data == TickData(count=0)
    with pytest.raises(TimeoutError, match="event TOCK didn't come"):
        vm.wait_event(TOCK, timeout=0.01)


def test_a_command_until_a_typed_event(vm: Vm) -> None:
    emit: dict[str, object] = {"name": "TICK", "count": 2}
    event = vm.execute("emit", emit, until=TICK, match={"count": 1}, failing=TOCK)
    assert isinstance(event, TypedEvent)
    assert (event.name, event.data) == ("TICK", TickData(count=1))
    with pytest.raises(CompletionError, match="TOCK"):
        vm.execute("emit", {"name": "TOCK"}, until=TICK, failing=[TOCK])


def test_the_types_of_events(ours: OurMonitor) -> None:
    """Type checkers know what until= returns."""
    with Client.connect(ours.address) as client:
        typed = client.execute(command("emit", {"name": "TICK"}, Empty), until=TICK)
        assert_type(typed, TypedEvent[TickData])
        assert_type(client.execute("emit", {"name": "TICK"}, until="TICK"), Event)
        assert_type(client.execute("emit", {"name": "TICK"}, until=None), Any)
        with pytest.raises(ValueError, match="until=True with emit"):
            assert_type(client.execute("emit", until=True), Event | None)

    async def go() -> None:
        async with await AsyncClient.connect(ours.address) as client:
            task = asyncio.create_task(client.execute("emit", {"name": "TICK"}, until=TICK))
            assert_type(task, asyncio.Task[TypedEvent[TickData]])
            plain = client.execute("emit", {"name": "TOCK"}, until="TOCK")
            both = await asyncio.gather(task, plain)
            assert_type(both, tuple[TypedEvent[TickData], Event])
            assert [event.name for event in both] == ["TICK", "TOCK"]

    asyncio.run(go())
