"""Scripts in TOML: what they say, and each kind of mistake with its place.

Modules: report, toml_behaviours, toml_rules, toml_script.
"""

import asyncio
import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, AsyncGuestAgent, CommandError, Monitor
from qmpeer.errors import ScriptError
from qmpeer.script.report import ScriptReport
from qmpeer.script.toml_script import TomlScript, load_script
from tests.patience import PATIENCE

SCRIPT = """\
[server]
version = [8, 1, 2]
package = "fake"
capabilities = []
faults = ["cut after=migrate"]
seed = 7

[[expect]]
command = "qmp-first"
arguments = { driver = "$any", "node-name" = "n0" }
exact = true
error = { class = "DeviceNotFound", desc = "no", hint = 1 }

[[on]]
command = "device_del"
times = [1, 2]
before = ["STOP"]
delay = 0.0
reply = { a = [1, 1.5, true, "x"] }
events = [{ event = "DEVICE_DELETED", data = { device = "net0" } }]
goto = "gone"

[[on]]
command = "device_del"
state = "gone"
times = "any"
steps = [
    { goto = "start" }, { event = "RESUME" }, { reply = [] }, { delay = 0 },
    { event = "A", data = {} },
]

[[on]]
command = "bytes"
raw = "é\\n"
close = true

[[on]]
command = "never"
times = "any"
hang = true

[[when-ready]]
events = ["HELLO"]

[[after]]
seconds = 3600
state = "gone"
goto = "start"

[otherwise]
reply = { otherwise = true }
"""


def loaded(tmp_path: Path, text: str) -> TomlScript:
    (tmp_path / "vm.toml").write_text(text)
    return load_script(tmp_path / "vm.toml")


async def test_what_a_script_says(tmp_path: Path) -> None:
    found = loaded(tmp_path, SCRIPT)
    assert [str(fault) for fault in found.faults] == ["cut after=migrate"]
    assert found.seed == 7
    assert found.script.state_names == {"start", "gone"}
    monitor = Monitor(backend=found.backend)
    await monitor.listen(tmp_path / "q")
    found.backend.begin()
    async with asyncio.timeout(PATIENCE), await AsyncClient.connect(tmp_path / "q") as vm:
        assert vm.greeting.version.qemu.major == 8
        assert vm.greeting.capabilities == ()
        assert (await vm.wait_event("HELLO", since=0)).data == {}
        with pytest.raises(CommandError) as caught:
            await vm.execute("qmp-first", {"driver": "x", "node-name": "n0"})
        assert (caught.value.error_class, caught.value.desc) == ("DeviceNotFound", "no")
        mark = await vm.event_mark()
        assert await vm.execute("device_del") == {"a": [1, 1.5, True, "x"]}
        deleted = await vm.wait_event("DEVICE_DELETED", since=mark)
        assert deleted.data == {"device": "net0"}
        assert found.script.state() == "gone"
        mark = await vm.event_mark()
        assert await vm.execute("device_del") == {"a": [1, 1.5, True, "x"]}  # the oldest first
        assert await vm.execute("device_del") == []
        assert (await vm.wait_event("RESUME", since=mark)).data == {}
        assert await vm.execute("anything") == {"otherwise": True}
    report = ScriptReport.of(found.script)
    assert report.calls == 5
    assert [str(each.command) for each in report.mismatches] == [
        f"bytes ({tmp_path}/vm.toml:33:11)"
    ]
    found.backend.reset()
    assert found.script.state() == "start"
    assert len(found.script.calls) == 0
    assert len(ScriptReport.of(found.script).mismatches) == 3
    monitor.shutdown()
    await monitor.wait_closed()


def test_a_report(tmp_path: Path) -> None:
    report = ScriptReport.of(loaded(tmp_path, '[[on]]\ncommand = "stop"\n').script)
    assert str(report) == (
        f"asked: 0 commands\nmismatches: 1\n  not met: stop ({tmp_path}/vm.toml:2:11)\n"
        "    was never asked, expected once"
    )
    value = json.loads(json.dumps(report.to_json()))
    assert (value["calls"], value["is_met"]) == (0, False)
    assert value["mismatches"][0]["command"]["command"] == "stop"


def test_an_agent(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[server]\nagent = true\n").script.state_names == {"start"}
    greeting = '[server]\ngreeting = { QMP = { version = "0.12" } }\nversion = [0, 12, 0]\n'
    assert loaded(tmp_path, greeting).seed is None


BEHAVIOURS = """\
[behaviours.migration]
end = "completed"
steps = 1
size = 100
[behaviours.running-machine]
status = "running"
powerdown = "never"
[behaviours.hotplug]
deleted = "never"
devices = { net0 = "virtio-net-pci" }
[behaviours.jobs]
fault = "No space left on device"
seconds = 0.5
[behaviours.screen]
writes = "never"
size = [4, 3]
color = [0, 255, 7]
"""


async def test_ready_behaviours(tmp_path: Path) -> None:
    found = loaded(tmp_path, BEHAVIOURS + '[[on]]\ncommand = "cont"\n')
    monitor = Monitor(backend=found.backend)
    await monitor.listen(tmp_path / "q")
    async with asyncio.timeout(PATIENCE), await AsyncClient.connect(tmp_path / "q") as vm:
        listed = await vm.execute("qom-list", {"path": "/machine/peripheral"})
        assert {"name": "net0", "type": "child<virtio-net-pci>"} in listed
        await vm.execute("migrate", {"uri": "tcp:host:1"})
        await vm.wait_event("STOP", since=0)  # of the machine
        await vm.execute("cont")
    assert ScriptReport.of(found.script).is_met
    monitor.shutdown()
    await monitor.wait_closed()


async def test_a_guest_agent(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "[server]\nagent = true\n[behaviours.guest-agent]\nfilesystems = 2\n"
        'files = { "/etc/hostname" = "vm" }\n'
        'programs = { "/bin/true" = { exit-code = 1, stdout = "é", seconds = 0.0 } }\n',
    )
    monitor = Monitor(backend=found.backend)
    await monitor.listen(tmp_path / "q")
    async with asyncio.timeout(PATIENCE):
        async with await AsyncGuestAgent.connect(tmp_path / "q") as agent:
            done = await agent.run(["/bin/true"])
    assert (done.exit_code, done.stdout) == (1, "é".encode())
    monitor.shutdown()
    await monitor.wait_closed()


ON = '[[on]]\ncommand = "stop"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a =", "1:4: not TOML: invalid value"),
        ("[[on]]\na = 1\na = 2", "3:6: not TOML: cannot overwrite a value"),
        ("on = 1", "1:6: on: found 1, expected an array"),
        ("[on]", "1:2: on: found a table, expected an array"),
        ("on = [1]", "1:7: on[0]: found 1, expected a table"),
        ("[[om]]", "1:3: found the key 'om', expected one of after, "),
        ("[sever]", "1:2: found the key 'sever', expected one of after, behaviours, expect,"),
        ("[[on]]\n", "1:3: on[0]: found no command, expected one"),
        (ON + "replay = {}", "3:1: found the key 'replay' in on[0], expected one of arguments,"),
        ("[[on]]\ncommand = 7", "2:11: on[0].command: found 7, expected a text"),
        (ON + "arguments = []", "3:13: on[0].arguments: found an array, expected a table"),
        (ON + 'arguments = { a = "$regex:(" }', "3:13: "),
        (ON + "exact = 1", "3:9: on[0].exact: found 1, expected true or false"),
        (ON + "times = 0", "3:9: on[0].times: found 0, expected a whole number from 1"),
        (ON + "times = true", "3:9: on[0].times: found true, expected a whole number from 1"),
        (ON + "times = [1]", "3:9: on[0].times: found an array, expected a number, [LEAST"),
        (ON + "times = [3, 2]", "3:9: found 3 to 2 times, expected at least 0"),
        (
            ON + 'times = "some"',
            '3:9: on[0].times: found "some", expected a number, [LEAST, MOST] or "any"',
        ),
        (ON + "reply = {}\nerror = {class = 'A', desc = ''}", "4:9: found a second answer to stop"),
        (
            ON + "reply = {a = [nan]}",
            "3:15: on[0].reply.a[0]: found nan, expected a value that JSON",
        ),
        (ON + "reply = 2020-01-01", "3:9: on[0].reply: found 2020-01-01, expected a value that J"),
        (ON + "error = {desc = ''}", "3:9: on[0].error: found no class, expected class and desc"),
        (ON + "events = ['A', 1]", "3:16: on[0].events[1]: found 1, expected a table"),
        (
            ON + "events = [{event = 'A', dat = {}}]",
            "3:25: found the key 'dat' in on[0].events[0], ",
        ),
        (ON + "delay = -1", "3:9: on[0].delay: found -1, expected seconds, 0 or more"),
        (ON + "hang = 'a'", '3:8: on[0].hang: found "a", expected true or false'),
        (ON + "steps = []\nreply = {}", "4:9: on[0].reply: found reply beside steps, expected"),
        (
            ON + "steps = [{delay = 1, close = true}]",
            "3:10: on[0].steps[0]: found 2 steps, expected",
        ),
        (ON + "steps = [{reply = 1, data = {}}]", "3:10: on[0].steps[0]: found 1 steps, expected"),
        (ON + "steps = [{}]", "3:10: on[0].steps[0]: found 0 steps, expected one"),
        (
            ON + "steps = [{events = []}]",
            "3:11: found the key 'events' in on[0].steps[0], expected",
        ),
        ("[[when-ready]]\nreply = {}", "2:9: found a reply, expected none: this answers no c"),
        ("[[after]]\nseconds = inf", "2:11: after[0].seconds: found inf, expected seconds"),
        ("[[expect]]\ncommand = 'a'\nstate = 'b'", "3:1: found the key 'state' in expect[0], "),
        ("[server]\nversion = [1, 2]", "2:11: server.version: found an array, expected [MAJOR"),
        ("[server]\nfaults = ['ctu']", "2:11: server.faults[0]: found an unknown fault 'ctu'; did"),
        ("[server]\nseed = -1", "2:8: server.seed: found -1, expected a whole number from 0"),
        ("[server]\nagent = true\npackage = ''", "3:11: server.package: found it with agent"),
        ("[server]\ngreeting = {}\npackage = ''", "3:11: server.package: found it beside greet"),
        ("[server]\nschema = 'none.json'", "2:10: server.schema: schema 'none.json': No such"),
        (
            "[server]\ndeprecated = 'fial'",
            '2:14: server.deprecated: found "fial", expected accept or',
        ),
        ("[server]\ndeprecated = 'fail'", "2:14: server.deprecated: found deprecated="),
        (
            "[behaviours.hotplg]",
            "1:13: found the key 'hotplg' in behaviours, expected one of guest",
        ),
        ("behaviours = 1", "1:14: behaviours: found 1, expected a table"),
        ("[behaviours.jobs]\nfalt = ''", "2:1: found the key 'falt' in behaviours.jobs, expected"),
        ("[behaviours.jobs]\nsteps = 0", "2:9: behaviours.jobs.steps: found 0, expected a whole"),
        (
            "[behaviours.hotplug]\ndeleted = 'nver'",
            '2:11: behaviours.hotplug.deleted: found "nver", expected before, after, never or',
        ),
        (
            "[behaviours.screen]\nsize = [1]",
            "2:8: behaviours.screen.size: found an array, expected 2",
        ),
        ("[behaviours.screen]\ncolor = [1, 2, 300]", "2:16: behaviours.screen.color[2]: found 300"),
        (
            "[behaviours.running-machine]\npowerdown = 'no'",
            '2:13: behaviours.running-machine.powerdown: found "no", expected never',
        ),
        (
            "[behaviours.guest-agent]\nprograms = { a = { exit_code = 1 } }",
            "2:20: found the key 'exit_code' in behaviours.guest-agent.programs.a, expected one",
        ),
    ],
)
def test_each_kind_of_mistake(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).removeprefix(f"{tmp_path}/vm.toml:").startswith(said)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[sever]", "did you mean server?"),
        (ON + "replay = {}", "did you mean reply?"),
        ("[server]\ndeprecated = 'fial'", "did you mean fail?"),
    ],
)
def test_a_near_name(text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).endswith(hint)


def test_a_schema_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "stop.json").write_text("{ 'command': 'stop' }\n")
    script = "[server]\nschema = 'stop.json'\n" + ON
    assert loaded(tmp_path, script).script.checks.command("stop") is None
    with pytest.raises(ScriptError, match=r"vm.toml:5:9: stop: .*found"):
        loaded(tmp_path, script + "reply = 7\n")
    with pytest.raises(ScriptError, match=r"vm.toml:4:11: .*stpo"):
        loaded(tmp_path, script.replace('"stop"', '"stpo"'))


def test_a_file_that_is_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vm.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ScriptError, match=r"vm.toml:2:6: found byte 0xff, expected UTF-8"):
        load_script(tmp_path / "vm.toml")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def find(name: str, *more: Any) -> Any:
        if name.startswith("tree_sitter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return really(name, *more)

    monkeypatch.setattr(builtins, "__import__", find)
    with pytest.raises(ModuleNotFoundError, match=r"pip install '.\[testing\]'"):
        loaded(tmp_path, ON)
