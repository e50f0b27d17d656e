"""``qmpeer fake`` in this process: its options, its script, its control socket.

Modules: options, process.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from qmpeer import AsyncClient, CommandError
from qmpeer.options import StartError
from qmpeer.options.signals import OnSignal
from qmpeer.script.mismatches import Kind
from qmpeer.script.options import FakeOptions, parse_options
from qmpeer.script.process import load_fake, run_fake
from qmpeer.script.report import ScriptReport
from tests.patience import PATIENCE

SCRIPT = """\
[server]
faults = ["error command=cont desc=no"]
seed = 7
[[on]]
command = "stop"
times = [1, 9]
goto = "paused"
"""


def test_options() -> None:
    options = parse_options(
        ["vm.toml", "-qmp", "stdio", "--allow-unexpected", "--report", "json", "--seed", "3"]
    )
    assert (options.file, options.report, options.seed) == ("vm.toml", "json", 3)
    assert options.waived == {Kind.UNEXPECTED, Kind.TOO_OFTEN, Kind.OUT_OF_ORDER}
    assert parse_options(["vm.toml", "--allow-unmet", "--print-address"]).waived == {Kind.NOT_MET}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "found no SCRIPT, expected a file in TOML"),
        ("a.toml", "no option opens a monitor, expected one such as -qmp"),
        ("a.toml b.toml -qmp stdio", "b.toml: there is a SCRIPT already"),
        ("a.toml -monitor stdio", "-monitor stdio: there is no human monitor here"),
        ("a.toml -qmp stdio --report xml", "--report xml: expected text, json or none"),
        ("a.toml -qmp stdio --until-eof", "--until-eof: found -qmp, expected none"),
    ],
)
def test_what_is_wrong(words: str, said: str) -> None:
    with pytest.raises(StartError) as caught:
        parse_options(words.split())
    assert str(caught.value).startswith(said)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"none.toml: No such file or directory"):
        load_fake(FakeOptions(file=str(tmp_path / "none.toml")))
    (tmp_path / "a.toml").write_text("[[on]]\n")
    with pytest.raises(StartError, match=r"a.toml:1:3: .*found no command, expected one"):
        load_fake(FakeOptions(file=str(tmp_path / "a.toml")))


async def test_a_run(tmp_path: Path) -> None:
    (tmp_path / "vm.toml").write_text(SCRIPT)
    options = parse_options(
        [
            str(tmp_path / "vm.toml"), "-qmp", f"unix:{tmp_path}/q,server=on,wait=off",
            "--control", f"{tmp_path}/c", "--fault", "drop event=X",
        ]
    )  # fmt: skip
    loaded = load_fake(options)
    assert options.seed == 7
    assert str(options.faults) == "error command=cont desc=no\ndrop event=X"
    said: list[str] = []
    signals: list[OnSignal] = []
    is_ready = asyncio.Event()
    task = asyncio.create_task(run_fake(options, loaded, said.append, is_ready.set, signals.append))
    async with asyncio.timeout(PATIENCE):
        await is_ready.wait()
        async with (
            await AsyncClient.connect(tmp_path / "q") as vm,
            await AsyncClient.connect(tmp_path / "c") as control,
        ):
            await vm.execute("stop")
            with pytest.raises(CommandError, match="no"):
                await vm.execute("cont")
            calls = await control.execute("query-calls")
            assert [each["command"] for each in calls] == ["qmp_capabilities", "stop", "cont"]
            assert loaded.script.state() == "paused"
            await control.execute("set-state", {"name": "start"})
            assert loaded.script.state() == "start"
            with pytest.raises(CommandError, match=r"'pausd' in the script.*mean paused"):
                await control.execute("set-state", {"name": "pausd"})
            mark = await vm.event_mark()
            await control.execute("send-event", {"name": "RESUME"})
            await vm.wait_event("RESUME", since=mark)
            assert (await control.execute("query-report"))["is_met"] is True
            await control.execute("reset")
            assert (await control.execute("query-report"))["is_met"] is False
        signals[0](signal.SIGTERM, "")
        assert await task == 0
    assert said == ["fault: error command=cont desc=no", "terminating on signal 15"]
    assert not ScriptReport.of(loaded.script, waived=frozenset({Kind.NOT_MET})).mismatches
