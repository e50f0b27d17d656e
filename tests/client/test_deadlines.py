"""Deadlines: no wait is endless, and a late reply is never taken for another command's."""

import re
import time
from select import select
from typing import Any

import pytest

from qmpeer import CommandError
from qmpeer.client.timeouts import Countdown
from tests.client.faces import Face, Vm
from tests.client.scripted import PLAIN_GREETING, ScriptedServer, connected
from tests.patience import PATIENCE


def given_up(vm: Vm, server: ScriptedServer) -> dict[str, Any]:
    """Return a command that the server has received and whose deadline has passed.

    On a busy machine a deadline may pass before the command is sent; then it is tried again.
    """
    timeout = 0.001
    while True:
        with pytest.raises(TimeoutError, match=re.escape(f"slow wasn't answered in {timeout} s")):
            vm.execute("slow", timeout=timeout)
        if server.has_input():
            return server.command()
        timeout *= 2


def test_a_late_reply_is_dropped(face: Face) -> None:
    with connected(face) as (vm, server):
        late = given_up(vm, server)
        executing = vm.begin("fast")
        command = server.command()
        assert command["id"] != late["id"]
        server.reply(late, "late")
        server.reply(command, "ours")
        assert executing.result(PATIENCE) == "ours"


def test_late_replies_stay_matched_while_ids_go_round(face: Face) -> None:
    with connected(face) as (vm, server):
        late = []
        for _ in range(5):
            late.append(given_up(vm, server))
        for number in range(250):
            executing = vm.begin("fast")
            command = server.command()
            assert command["id"] not in [each["id"] for each in late]
            if late and number % 50 == 0:
                server.reply(late.pop(), "late")
            server.reply(command, number)
            assert executing.result(PATIENCE) == number


def test_a_late_error_is_dropped(face: Face) -> None:
    with connected(face) as (vm, server):
        server.fail(given_up(vm, server), "GenericError", "late")
        executing = vm.begin("fast")
        server.reply(server.command(), 1)
        assert executing.result(PATIENCE) == 1


def test_late_replies_without_ids_stay_in_order(face: Face) -> None:
    with connected(face, negotiate=False) as (vm, server):
        given_up(vm, server)
        executing = vm.begin("fast")
        server.command()
        server.say({"return": "late"})
        server.say({"return": "ours"})
        assert executing.result(PATIENCE) == "ours"


def test_the_connections_own_deadline(face: Face) -> None:
    with connected(face, command_timeout=0.05) as (vm, server):
        with pytest.raises(TimeoutError, match=re.escape("slow wasn't answered in 0.05 s")):
            vm.execute("slow")
        with pytest.raises(TimeoutError, match=re.escape("event STOP didn't come in 0.05 s")):
            vm.wait_event("STOP")
        if server.has_input():  # if its deadline passes before it is sent, it is never sent
            server.command()
        patient = vm.begin("slow", timeout=None)
        command = server.command()
        with pytest.raises(TimeoutError):
            vm.execute("slow")
        server.reply(command, "patient")
        assert patient.result(PATIENCE) == "patient"


def test_nobody_waits_at_all_with_a_deadline_of_nothing(face: Face) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(TimeoutError):
            vm.execute("slow", timeout=0)
        with pytest.raises(TimeoutError):
            vm.wait_event("STOP", timeout=0)
        server.event("STOP")
        assert vm.wait_event("STOP", since=0, timeout=0).number == 1


def test_the_earlier_of_two_deadlines_comes_first(face: Face) -> None:
    with connected(face) as (vm, server):
        patient = vm.begin("slow", timeout=PATIENCE)
        command = server.command()
        with pytest.raises(TimeoutError):
            vm.execute("slow", timeout=0.02)
        assert not patient.done()
        server.reply(command, 1)
        assert patient.result(PATIENCE) == 1


def test_a_deadline_behind_one_that_was_kept(face: Face) -> None:
    with connected(face) as (vm, server):
        first = vm.begin("fast", timeout=3.0)
        server.reply(server.command(), 1)
        assert first.result(PATIENCE) == 1
        second = vm.begin("slow", timeout=3.02)
        server.command()
        with pytest.raises(TimeoutError):
            second.result(PATIENCE)


def test_events_do_not_stretch_a_deadline(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("slow", timeout=0.2)
        server.command()
        start = time.monotonic()
        while not executing.done():
            assert time.monotonic() < start + PATIENCE
            _, is_writable, _ = select([], [server.socket], [], 0.01)
            if is_writable:  # after the deadline nobody reads it
                server.event("RTC_CHANGE")
        with pytest.raises(TimeoutError):
            executing.result(PATIENCE)


def test_a_command_that_waits_for_its_turn_is_withdrawn(face: Face) -> None:
    with connected(face, max_in_flight=1) as (vm, server):
        holding = vm.begin("slow")
        command = server.command()
        with pytest.raises(TimeoutError):
            vm.execute("never", timeout=0.02)
        following = vm.begin("following")
        server.reply(command)
        assert holding.result(PATIENCE) == {}
        command = server.command()
        assert command["execute"] == "following"
        server.reply(command)
        assert following.result(PATIENCE) == {}


def test_a_server_that_takes_no_more(face: Face) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(TimeoutError):
            vm.execute("x", {"value": "x" * (4 << 20)}, timeout=0.1)
        server.close()


def test_a_server_that_takes_no_more_before_it_has_spoken(face: Face) -> None:
    """A client that sends much to a server that sends much must read meanwhile."""
    with connected(face, PLAIN_GREETING) as (vm, server):
        text = "x" * (4 << 20)
        executing = vm.begin("echo", {"value": text})
        for number in range(2000):
            server.event("BIG", text="y" * 1000, number=number)
        command = server.command()
        server.reply(command, len(command["arguments"]["value"]))
        assert executing.result(PATIENCE) == len(text)
        assert vm.event_mark() == 2000


def test_after_a_deadline_all_goes_on(face: Face) -> None:
    with connected(face) as (vm, server):
        for number in range(3):
            late = given_up(vm, server)
            executing = vm.begin("fast")
            server.reply(late)
            server.fail(server.command(), "GenericError", f"{number}")
            with pytest.raises(CommandError, match=f"{number}"):
                executing.result(PATIENCE)


def test_a_timer_that_comes_a_little_early_ends_the_countdown() -> None:
    now = 100.0
    countdown = Countdown(0.1, lambda: now)
    now += 0.0985  # a loop that counts whole milliseconds may wake so late
    assert countdown.is_over
    assert Countdown(None, lambda: now).is_over is False
