"""The control socket: faults armed while a program runs, the commands of its clients, its end.

Modules: call_log, control, controlled.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmpeer import AsyncClient, CommandError, CommandInterrupted, ConnectionClosed, Monitor, limits
from qmpeer.chardev import Chardev
from qmpeer.faults.conversation import Command
from qmpeer.options import StartError
from qmpeer.options.call_log import CallLog
from qmpeer.options.companion_options import AUTO
from qmpeer.options.controlled import Controlled
from qmpeer.options.program_options import ProgramOptions
from qmpeer.values import JsonObject
from tests.options.program import EchoProgram, parse
from tests.patience import PATIENCE


class Told(Controlled):
    """A program's side that remembers what it is told."""

    def __init__(self, monitor: Monitor) -> None:
        super().__init__("this program")
        self.told: list[str] = []
        self._monitor = monitor

    def report(self) -> JsonObject:
        return {"told": len(self.told)}

    def set_state(self, name: str) -> None:
        self.told.append(name)

    def send_event(self, name: str, data: JsonObject | None) -> None:
        self._monitor.emit(name, data)

    def reset(self) -> None:
        self.told.clear()


class ControlledProgram(EchoProgram):
    """A program whose clients are served by a monitor with one command."""

    monitor: Monitor

    def _controlled(self) -> Controlled:
        self.monitor = Monitor(wrap=self.disturbance.wrap)
        self.monitor.command("stop")(lambda: None)
        return Told(self.monitor)

    def _attach(self, device: Chardev, is_pretty: bool) -> None:
        self.monitor.attach(device, pretty=is_pretty)

    def end_by_signal(self) -> None:
        super().end_by_signal()
        self.monitor.shutdown()


@asynccontextmanager
async def controlled(
    tmp_path: Path, *words: str
) -> AsyncIterator[tuple[ControlledProgram, AsyncClient, AsyncClient]]:
    """Run a program; give it, a client of its control socket, and a client of its monitor."""
    program = ControlledProgram(
        "-qmp", f"unix:{tmp_path}/q,server=on,wait=off", "--control", f"{tmp_path}/c", *words
    )  # fmt: skip
    task = asyncio.create_task(program.run())
    async with asyncio.timeout(PATIENCE):
        await program.is_ready.wait()
        async with (
            await AsyncClient.connect(tmp_path / "c") as control,
            await AsyncClient.connect(tmp_path / "q") as vm,
        ):
            yield program, control, vm
        program.end_by_signal()
        await task
    assert not (tmp_path / "c").exists()


async def refusal(client: AsyncClient, name: str, arguments: JsonObject | None = None) -> str:
    with pytest.raises(CommandError) as caught:
        await client.execute(name, arguments)
    return caught.value.desc


async def test_a_fault_that_is_armed_and_ended(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (program, control, vm):
        armed = await control.execute("fault-add", {"fault": "error command=stop desc=no"})
        assert armed == {"id": 1}
        assert await refusal(vm, "stop") == "no"
        assert (await control.wait_event("FAULT_HAPPENED", since=0)).data == {
            "id": 1, "fault": "error command=stop desc=no"
        }  # fmt: skip
        assert await control.execute("query-faults") == [
            {"id": 1, "fault": "error command=stop desc=no", "connections": "all", "happened": 1}
        ]
        await control.execute("fault-del", {"id": 1})
        assert await control.execute("query-faults") == []
        assert await vm.execute("stop") == {}
        assert program.reported == ["fault: error command=stop desc=no"]


async def test_faults_of_this_connection_or_of_the_next_ones(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, control, vm):
        later: JsonObject = {"fault": "error command=stop desc=later", "connections": "next"}
        await control.execute("fault-add", later)
        assert await vm.execute("stop") == {}
        await control.execute("fault-add", {"fault": "cut", "connections": "current"})
        with pytest.raises((CommandInterrupted, ConnectionClosed)):
            await vm.execute("stop")
        async with await AsyncClient.connect(tmp_path / "q") as following:
            assert await refusal(following, "stop") == "later"


async def test_what_is_held_back_goes_on(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, control, vm):
        await control.execute("fault-add", {"fault": "stall"})
        asked = vm.execute("stop")
        calls: object = []
        while not calls:
            calls = await control.execute("query-calls", {"command": "stop"})
        await control.execute("fault-del")
        assert await asked == {}


async def test_the_faults_of_the_command_line_stay(tmp_path: Path) -> None:
    async with controlled(tmp_path, "--fault", "error command=stop desc=no") as (_, control, vm):
        await control.execute("fault-add", {"fault": "stall after=stop"})
        await control.execute("reset")
        shown = [each["fault"] for each in await control.execute("query-faults")]
        assert shown == ["error command=stop desc=no"]
        assert await refusal(vm, "stop") == "no"


async def test_the_commands_of_clients(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, control, vm):
        assert await refusal(vm, "set_password", {"password": "hush"})
        first, second = await control.execute("query-calls")
        assert (first["command"], second["command"]) == ("qmp_capabilities", "set_password")
        assert second["arguments"] == {"password": "<redacted>"}
        assert second["number"] == 2
        assert (await control.wait_event("COMMAND_RECEIVED", since=0)).data == first
        assert await control.execute("query-calls", {"since": 1}) == [second]
        assert await control.execute("query-calls", {"command": "stop"}) == []
        await control.execute("reset")
        assert await control.execute("query-calls") == []


async def test_what_the_program_does(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, control, vm):
        await control.execute("set-state", {"name": "paused"})
        assert await control.execute("query-report") == {"told": 1}
        mark = await vm.event_mark()
        await control.execute("send-event", {"name": "STOP", "data": {"a": 1}})
        assert (await vm.wait_event("STOP", since=mark)).data == {"a": 1}
        await control.execute("reset")
        assert await control.execute("query-report") == {"told": 0}
        await control.execute("quit")
        async with vm.events() as events:
            assert [event async for event in events] == []


async def test_what_is_refused(tmp_path: Path) -> None:
    async with controlled(tmp_path) as (_, control, _vm):
        for fault, said in (
            ("ctu", "found an unknown fault 'ctu'; did you mean cut?"),
            ("late seconds=1", "found late, expected another fault: the server listens already"),
        ):
            assert await refusal(control, "fault-add", {"fault": fault}) == said
        assert await refusal(control, "fault-del", {"id": 7}) == "Fault 7 not found"
        wrong: JsonObject = {"fault": "cut", "connections": "some"}
        assert "'connections' does not accept value 'some'" in await refusal(
            control, "fault-add", wrong
        )


async def test_what_a_plain_program_cannot_do(tmp_path: Path) -> None:
    program = EchoProgram(
        "-qmp", f"unix:{tmp_path}/q,server=on,wait=off", "--control", f"{tmp_path}/c"
    )
    task = asyncio.create_task(program.run())
    await program.is_ready.wait()
    async with await AsyncClient.connect(tmp_path / "c") as control:
        assert await refusal(control, "query-report") == "echo has no report"
        assert await refusal(control, "set-state", {"name": "a"}) == "echo has no states"
        assert (
            await refusal(control, "send-event", {"name": "A"}) == "echo has no events of its own"
        )
        assert await control.execute("reset") == {}
    program.end_by_signal()
    await task


async def test_beside_an_own_socket(capsys: pytest.CaptureFixture[str]) -> None:
    script = 'test -S "${QMP_CONTROL#unix:}" && test -S "$QMP_SOCKET"'
    program = ControlledProgram("--print-address", "--control", AUTO, "--", "sh", "-c", script)
    await program.run()
    assert program.status == 0
    line = json.loads(capsys.readouterr().out)
    assert line["control"] == f"unix:{os.path.dirname(line['path'])}/control"
    assert not os.path.exists(os.path.dirname(line["path"]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-qmp null --control auto", "--control auto: expected --print-address or -- COMMAND"),
        ("-qmp null --control tcp:x", "--control tcp:x: found 'x', expected HOST:PORT"),
        (
            "-qmp null --control wss://me:hush@x",
            "--control wss://me:<redacted>@x: expected an address",
        ),
    ],
)
def test_wrong_addresses(words: str, said: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(words.split())
    assert str(caught.value).startswith(said)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("address", ["/dev/null/c", "tcp:0.0.0.0:0"])
async def test_where_it_cannot_listen(address: str) -> None:
    with pytest.raises(StartError) as caught:
        await EchoProgram("-qmp", "null", "--control", address).run()
    assert "can't listen there: " in str(caught.value)


def test_a_path_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    options: ProgramOptions = parse(["-qmp", "null", "--control", "c"])
    assert options.control == f"unix:{tmp_path}/c"  # a daemon changes its folder


def test_many_and_long_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTROL_CALLS", 2)
    log = CallLog()
    for at in range(3):
        long: JsonObject = {"a": "x" * limits.CONTROL_ARGUMENTS}
        log.add(at, Command("n" * 2000, long, b"[7]", is_oob=True))
    second, third = log.calls()
    assert (second["number"], third["number"]) == (2, 3)
    assert third["arguments"] == {"…": '{"a":"' + "x" * (limits.CONTROL_SHOWN - 6)}
    assert (third["id"], third["oob"]) == ([7], True)
    assert len(str(third["command"])) == limits.CONTROL_SHOWN
    assert "id" not in log.add(1, Command("a", {}, b'"' + b"i" * limits.CONTROL_ARGUMENTS + b'"'))
