"""One blocking client in several threads: each gets its own answers, none blocks others."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from qmpeer import Client, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.client.blocking.channel import Channel
from qmpeer.client.timeouts import Deadline
from qmpeer.protocol import ClientSession
from tests.client.conftest import OurMonitor
from tests.client.faces import BlockingFace, background
from tests.client.scripted import PLAIN_GREETING, connected
from tests.patience import PATIENCE


@pytest.fixture
def vm(ours: OurMonitor) -> Iterator[Client]:
    with Client.connect(ours.address) as client:
        yield client


@pytest.fixture
def face() -> Iterator[BlockingFace]:
    made = BlockingFace()
    yield made
    made.end()


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_each_thread_gets_its_own_answers(vm: Client, count: int) -> None:
    def work(thread: int) -> int:
        for number in range(count):
            value = f"{thread}:{number}"
            assert vm.execute("echo", {"value": value}, timeout=PATIENCE) == {"value": value}
            if number % 10 == 0:
                vm.execute("emit", {"name": "TICK"})
            if number % 50 == 0:
                with pytest.raises(CommandError, match=f"No-{value} has not been found"):
                    vm.execute(f"No-{value}", timeout=PATIENCE)
        return thread

    with vm.events("TICK") as ticks:
        working = [background(work, thread) for thread in range(8)]
        assert [each.result(PATIENCE) for each in working] == list(range(8))
        numbers = [ticks.next(PATIENCE).number for _ in range(8 * count // 10)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_long_command_keeps_nobody_waiting(vm: Client) -> None:
    holding = background(lambda: vm.execute("hold", {"name": "a"}, timeout=PATIENCE))
    vm.wait_event("HELD", since=0, timeout=PATIENCE)
    mark = vm.event_mark()
    waiting = background(vm.wait_event, "TICK", since=mark, timeout=PATIENCE)
    second = background(
        lambda: vm.execute("hold", {"name": "b"}, timeout=PATIENCE)
    )  # behind the first
    pausing = background(lambda: vm.execute("release", {"name": "x"}, oob=True, timeout=PATIENCE))
    assert pausing.result(PATIENCE) == {}
    with pytest.raises(TimeoutError):
        vm.execute("echo", timeout=0.05)  # behind them both
    assert not holding.done()
    vm.execute("release", {"name": "b"}, oob=True, timeout=PATIENCE)
    vm.execute("release", {"name": "a"}, oob=True, timeout=PATIENCE)
    assert holding.result(PATIENCE) == {"held": "a"}
    assert second.result(PATIENCE) == {"held": "b"}
    vm.execute("emit", {"name": "TICK"})
    assert waiting.result(PATIENCE).name == "TICK"


def test_closing_wakes_everybody(vm: Client) -> None:
    holding = background(lambda: vm.execute("hold", {"name": "a"}))
    vm.wait_event("HELD", since=0, timeout=PATIENCE)
    behind = [background(partial(vm.execute, "echo", {"value": number})) for number in range(3)]
    waiting = background(vm.wait_event, "NEVER", timeout=None)
    subscribed = background(list, vm.events())
    with pytest.raises(TimeoutError):
        vm.execute("echo", timeout=0.05)
    vm.close()
    for each in (holding, *behind):
        # Commands without time to be sent reported that.
        with pytest.raises((CommandInterrupted, ConnectionClosed), match="the client was closed"):
            each.result(PATIENCE)
    with pytest.raises(ConnectionClosed, match="the client was closed"):
        waiting.result(PATIENCE)
    assert subscribed.result(PATIENCE) == []


def test_the_end_of_the_server_wakes_everybody(face: BlockingFace) -> None:
    with connected(face) as (vm, server):
        executing = [vm.begin("x") for _ in range(4)]
        for _ in executing:
            server.command()
        server.close()
        for each in executing:
            with pytest.raises(CommandInterrupted, match="the server closed the connection"):
                each.result(PATIENCE)


def test_deadlines_of_those_who_do_not_read(face: BlockingFace) -> None:
    with connected(face) as (vm, server):
        reading = vm.begin("x", timeout=None)
        command = server.command()
        with pytest.raises(TimeoutError):
            vm.execute("y", timeout=0.02)
        with pytest.raises(TimeoutError):
            vm.wait_event("STOP", timeout=0.02)
        with pytest.raises(TimeoutError):
            vm.events().next(0.02)
        assert not reading.done()
        server.reply(command)
        assert reading.result(PATIENCE) == {}


def test_the_deadline_of_the_one_who_reads(face: BlockingFace) -> None:
    with connected(face) as (vm, server):
        reading = vm.begin("x", timeout=0.1)
        server.command()
        sleeping = vm.begin("y", timeout=PATIENCE)
        command = server.command()
        with pytest.raises(TimeoutError):
            reading.result(PATIENCE)
        server.reply(command, "y")
        assert sleeping.result(PATIENCE) == "y"


def test_an_event_for_one_who_does_not_read(face: BlockingFace) -> None:
    with connected(face) as (vm, server):
        reading = vm.begin("x")
        command = server.command()
        for number in range(100):
            waiting = background(vm.wait_event, "STOP", {"n": number}, since=0, timeout=PATIENCE)
            server.event("STOP", n=number)
            assert waiting.result(PATIENCE).number == number + 1
        server.reply(command)
        assert reading.result(PATIENCE) == {}


def test_a_mark_while_another_thread_reads(
    face: BlockingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.MARK_MOMENT", 0.25)  # even on a very busy machine
    with connected(face) as (vm, server):
        reading = vm.begin("x")
        command = server.command()
        for number in range(1, 20):
            server.event("STOP")
            assert vm.event_mark() == number
        server.reply(command)
        assert reading.result(PATIENCE) == {}


def test_a_mark_sends_on_what_waits_for_its_turn(face: BlockingFace) -> None:
    """A reply that event_mark() receives makes room for another thread's command."""
    with connected(face, max_in_flight=1) as (vm, server):
        for _ in range(50):
            executing = [vm.begin("x", timeout=PATIENCE), vm.begin("x", timeout=PATIENCE)]
            server.reply(server.command())
            vm.event_mark()
            server.reply(server.command())
            for each in executing:
                assert each.result(PATIENCE) == {}


def test_a_large_command_while_another_thread_reads(face: BlockingFace) -> None:
    """The sending thread has to continue when the reading thread has its answer."""
    with connected(face, PLAIN_GREETING) as (vm, server):
        text = "x" * (4 << 20)
        reading = vm.begin("first")
        command = server.command()
        sending = vm.begin("echo", {"value": text}, timeout=PATIENCE)
        server.socket.recv(1, 0x2)  # MSG_PEEK: the command has begun
        server.reply(command)
        assert reading.result(PATIENCE) == {}
        for _ in range(1000):
            server.event("BIG", text="y" * 1000)
        command = server.command()
        server.reply(command)
        assert sending.result(PATIENCE) == {}


def test_a_deadline_behind_one_who_sends(face: BlockingFace) -> None:
    with connected(face, PLAIN_GREETING) as (vm, server):
        sending = vm.begin("big", {"value": "x" * (4 << 20)}, timeout=None)
        server.socket.recv(1, 0x2)  # MSG_PEEK: the command has begun
        with pytest.raises(TimeoutError):
            vm.execute("small", timeout=0.05)
        assert not sending.done()
        assert server.command()["execute"] == "big"
        assert not server.has_input()
        vm.close()
        with pytest.raises(CommandInterrupted):
            sending.result(PATIENCE)


def test_closing_while_a_command_is_sent(face: BlockingFace) -> None:
    with connected(face, PLAIN_GREETING) as (vm, server):
        sending = vm.begin("big", {"value": "x" * (4 << 20)}, timeout=None)
        server.socket.recv(1, 0x2)  # MSG_PEEK: the command has begun
        vm.close()
        with pytest.raises(CommandInterrupted):
            sending.result(PATIENCE)


def test_threads_come_and_go_while_it_is_closed(ours: OurMonitor) -> None:
    for _ in range(30):
        client = Client.connect(ours.address)
        is_up = threading.Barrier(5)

        def work(client: Client = client, is_up: threading.Barrier = is_up) -> int:
            is_up.wait(PATIENCE)
            count = 0
            try:
                while True:
                    client.execute("echo", timeout=PATIENCE)
                    count += 1
            except (CommandInterrupted, ConnectionClosed):
                return count

        working = [background(work) for _ in range(4)]
        is_up.wait(PATIENCE)
        client.execute("echo")
        client.close()
        for each in working:
            assert each.result(PATIENCE) >= 0


async def test_inside_a_running_loop_it_just_blocks(ours: OurMonitor) -> None:
    with Client.connect(ours.address) as client:
        assert client.execute("echo", {"value": 1}) == {"value": 1}
        assert await asyncio.to_thread(lambda: client.execute("echo", {"value": 2})) == {"value": 2}


def test_what_the_end_itself_brings_about_is_done() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours, ClientSession(negotiate=False), None)
        answers = [False, True]

        def is_done() -> bool:
            channel.close()  # as another thread might, right after the check
            return answers.pop(0) if len(answers) > 1 else answers[0]

        assert channel.wait(is_done, Deadline(None))


def test_a_condition_that_another_thread_makes_untrue_again() -> None:
    ours, theirs = socket.socketpair()
    event = b'{"event": "A", "timestamp": {"seconds": 1, "microseconds": 1}}\r\n'
    with theirs:
        channel = Channel(ours, ClientSession(negotiate=False), None)
        answers = [False, False, True, False, True]

        def is_done() -> bool:
            theirs.send(event)  # so that no receive waits
            return answers.pop(0) if answers else True

        assert channel.wait(is_done, Deadline(None))  # not late, as there is no deadline
        channel.close()
