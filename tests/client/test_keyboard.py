"""The keyboard of both clients: what is sent, what is refused before, and what is left behind.

Modules: key_events.
"""

import asyncio
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted
from qmpeer.client.key_events import duration, send_key
from qmpeer.errors import KeyNameError, LayoutError, UntypableError
from qmpeer.keyboard import Layout, Stroke
from tests.cli.scripted_server import Scripted
from tests.client.faces import AsyncFace, Face
from tests.client.scripted import ScriptedServer, connected
from tests.client.test_reconnecting import connected as reconnecting
from tests.client.test_reconnecting import until_lost
from tests.patience import PATIENCE

FAST = 500.0


def keys_of(command: dict[str, Any]) -> list[str]:
    """Return the keys of a command, each with its direction if it has one."""
    arguments = command["arguments"]
    if command["execute"] == "send-key":
        return [key["data"] for key in arguments["keys"]]
    return [
        f"{'+' if each['data']['down'] else '-'}{each['data']['key']['data']}"
        for each in arguments["events"]
    ]


def answer(server: ScriptedServer, count: int) -> list[list[str]]:
    """Answer so many commands, and return their keys."""
    found = []
    for _ in range(count):
        command = server.command()
        found.append(keys_of(command))
        server.reply(command)
    return found


def notes_of(future: Future[Any]) -> list[str]:
    error = future.exception(PATIENCE)
    assert error is not None
    return list(getattr(error, "__notes__", ()))


def test_a_text(face: Face) -> None:
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "Hi!\n", rate=FAST)
        assert answer(server, 6) == [
            ["-unmapped"], ["shift", "h"], ["i"], ["shift", "1"], ["ret"], ["-unmapped"],
        ]  # fmt: skip
        assert typing.result(PATIENCE) is None


def test_a_layout_with_dead_keys(face: Face) -> None:
    mine = Layout("mine", {"e": Stroke("e")}, {"\u0301": Stroke("equal", ("alt_r",))})
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "é", mine, rate=FAST)
        assert answer(server, 4)[1:3] == [["alt_r", "equal"], ["e"]]
        typing.result(PATIENCE)


def test_combinations(face: Face) -> None:
    with connected(face) as (vm, server):
        pressing = vm.start_on(vm.client.keyboard, "press", "ctrl-alt-del", "Enter", rate=FAST)
        assert answer(server, 4)[1:3] == [["ctrl", "alt", "delete"], ["ret"]]
        pressing.result(PATIENCE)


@pytest.mark.parametrize(
    ("method", "words", "options", "kind"),
    [
        ("type", ["aä"], {}, UntypableError),
        ("type", ["a"], {"layout": "no such"}, LayoutError),
        ("type", ["a"], {"rate": 0.0}, ValueError),
        ("type", ["a"], {"rate": 501.0}, ValueError),
        ("type", ["a"], {"rate": float("nan")}, ValueError),
        ("press", ["a", "ctlr-a"], {}, KeyNameError),
        ("press", ["ctrl-ä"], {}, UntypableError),
        ("press", ["a"], {"layout": ""}, LayoutError),
    ],
)
def test_mistakes_are_found_before_a_key_is_pressed(
    method: str, words: list[str], options: dict[str, Any], kind: type[Exception], face: Face
) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(kind):
            vm.start_on(vm.client.keyboard, method, *words, **options).result(PATIENCE)
        assert not server.has_input()


def test_a_machine_that_is_not_running(face: Face) -> None:
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "a")
        server.fail(server.command(), "GenericError", "VM not running")
        with pytest.raises(CommandError, match="VM not running"):
            typing.result(PATIENCE)
        assert notes_of(typing) == []
        assert not server.has_input()


def test_a_machine_that_stops_meanwhile(face: Face) -> None:
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "ab", rate=FAST)
        answer(server, 3)
        server.fail(server.command(), "GenericError", "VM not running")
        with pytest.raises(CommandError, match="VM not running"):
            typing.result(PATIENCE)
        assert notes_of(typing) == ["2 of 2 were sent, and maybe lost"]


def test_a_deadline(face: Face) -> None:
    with connected(face) as (vm, server):
        # The pause after the first stroke is longer than the deadline.
        typing = vm.start_on(vm.client.keyboard, "type", "abc", rate=0.5, timeout=0.2)
        assert answer(server, 2) == [["-unmapped"], ["a"]]
        with pytest.raises(TimeoutError, match=r"not everything was typed in 0.2 s"):
            typing.result(PATIENCE)
        assert notes_of(typing) == ["1 of 3 were sent"]
        assert not server.has_input()


def test_the_end_of_the_connection(face: Face) -> None:
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "abc", rate=FAST)
        answer(server, 2)
        server.command()
        server.close()
        with pytest.raises(CommandInterrupted):
            typing.result(PATIENCE)
        assert notes_of(typing) == ["1 of 3 were sent"]


def test_the_rest_is_not_typed_into_another_machine(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        typing = vm.start_on(vm.client.keyboard, "type", "abc", rate=2.0)
        answer(server, 2)
        server.close()
        again = servers.greet()
        until_lost(vm)
        with pytest.raises(CommandInterrupted):
            typing.result(PATIENCE)
        assert not again.has_input()


def test_a_cancelled_text() -> None:
    face = AsyncFace(asyncio.new_event_loop)
    with connected(face) as (vm, server):
        typing = vm.start_on(vm.client.keyboard, "type", "abc", rate=0.5)
        assert answer(server, 2) == [["-unmapped"], ["a"]]
        typing.cancel()
        with pytest.raises(CancelledError):
            typing.result(PATIENCE)
        executing = vm.begin("query-status")
        command = server.command()
        assert command["execute"] == "query-status"  # no key came before it
        server.reply(command)
        executing.result(PATIENCE)
    face.end()


def test_held_keys(face: Face) -> None:
    with connected(face) as (vm, server):

        def within() -> str:
            vm.execute("stop")
            return "done"

        holding = vm.within(vm.client.keyboard.hold("Ctrl-Alt"), within)
        assert answer(server, 1) == [["+ctrl", "+alt"]]
        server.reply(server.command())
        assert answer(server, 1) == [["-alt", "-ctrl"]]
        assert holding.result(PATIENCE) == "done"


def test_a_held_modifier_stays_down(face: Face) -> None:
    with connected(face) as (vm, server):

        def within() -> None:
            vm.start_on(vm.client.keyboard, "press", "shift-a", "ctrl-shift-b", rate=FAST).result(
                PATIENCE
            )

        holding = vm.within(vm.client.keyboard.hold("shift"), within)
        assert answer(server, 6) == [
            ["+shift"], ["-unmapped"], ["a"], ["ctrl", "b"], ["-unmapped"], ["-shift"],
        ]  # fmt: skip
        holding.result(PATIENCE)
        pressing = vm.start_on(vm.client.keyboard, "press", "shift-a", rate=FAST)
        assert answer(server, 3)[1] == ["shift", "a"]
        pressing.result(PATIENCE)


def test_keys_that_are_held_twice_stay_down(face: Face) -> None:
    with connected(face) as (vm, server):

        def within() -> None:
            again = vm.client.keyboard.hold("ctrl-shift")
            vm.within(again, lambda: None).result(PATIENCE)
            vm.start_on(vm.client.keyboard, "press", "shift-a", rate=FAST).result(PATIENCE)

        holding = vm.within(vm.client.keyboard.hold("shift"), within)
        assert answer(server, 7) == [
            ["+shift"], ["+ctrl", "+shift"], ["-ctrl"], ["-unmapped"], ["a"], ["-unmapped"],
            ["-shift"],
        ]  # fmt: skip
        holding.result(PATIENCE)


@pytest.mark.parametrize("is_released", [True, False])
def test_held_keys_after_an_exception(is_released: bool, face: Face) -> None:
    def within() -> None:
        raise KeyError("ours")

    with connected(face) as (vm, server):
        holding = vm.within(vm.client.keyboard.hold("shift"), within)
        assert answer(server, 1) == [["+shift"]]
        command = server.command()
        assert keys_of(command) == ["-shift"]
        if is_released:
            server.reply(command)
        else:
            server.fail(command, "GenericError", "VM not running")
        with pytest.raises(KeyError, match="ours"):
            holding.result(PATIENCE)
        assert notes_of(holding) == (
            []
            if is_released
            else ["shift may still be held down, releasing failed: GenericError: VM not running"]
        )


def test_held_keys_that_can_not_be_released(face: Face) -> None:
    with connected(face) as (vm, server):
        holding = vm.within(vm.client.keyboard.hold("shift"), lambda: None)
        answer(server, 1)
        server.fail(server.command(), "GenericError", "VM not running")
        with pytest.raises(CommandError, match="VM not running"):
            holding.result(PATIENCE)
        assert notes_of(holding) == ["shift may still be held down"]


def test_keys_that_can_not_be_held(face: Face) -> None:
    with connected(face) as (vm, server):
        holding = vm.within(vm.client.keyboard.hold("shift"), lambda: None)
        server.fail(server.command(), "GenericError", "VM not running")
        with pytest.raises(CommandError, match="VM not running"):
            holding.result(PATIENCE)
        assert not server.has_input()  # they weren't pressed
        with pytest.raises(KeyNameError):
            vm.within(vm.client.keyboard.hold("shfit"), lambda: None).result(PATIENCE)
        assert not server.has_input()


def test_keys_that_may_be_held_are_released(face: Face) -> None:
    with connected(face, command_timeout=0.2) as (vm, server):
        holding = vm.within(vm.client.keyboard.hold("shift"), lambda: None)
        assert keys_of(server.command()) == ["+shift"]  # no answer
        assert answer(server, 1) == [["-shift"]]
        with pytest.raises(TimeoutError):
            holding.result(PATIENCE)


def test_with_a_monitor(face: Face, tmp_path: Path) -> None:
    answers: dict[str, Any] = {"input-send-event": {}, "send-key": {}}
    with Scripted(tmp_path / "q", answers) as server, face.connect(server.address) as vm:
        vm.start_on(vm.client.keyboard, "type", "a" * 20, rate=FAST).result(PATIENCE)
        assert [name for name, _ in server.seen].count("send-key") == 20


@pytest.mark.parametrize(
    ("rate", "hold"), [(500, 1), (200, 3), (50, 10), (25, 20), (1, 20), (0.01, 20)]
)
def test_how_long_a_key_is_down(rate: float, hold: int) -> None:
    stroke = Stroke("a", ("shift",))
    assert send_key(stroke, rate)["hold-time"] == hold
    # Two keys change twice each, and QEMU pauses after each change.
    assert duration((stroke,), rate) == pytest.approx(max(2 / rate, 4 * hold / 1000))
