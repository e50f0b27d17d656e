"""The servers and their context managers, without pytest around them.

Modules: contexts, item_state, joined_pair, machine_server, recording_server, threaded_server.
"""

import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from qmpeer import Client, limits
from qmpeer.errors import CommandError, ScriptMismatch
from qmpeer.options import StartError
from qmpeer.testing import ScriptedServer, machine, pair, replay, scripted_server
from qmpeer.testing.item_state import ItemState, mismatch_text, newest
from qmpeer.testing.machine_server import MachineServer
from qmpeer.testing.recording_server import RecordingServer


def test_a_path_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    paths = []
    with scripted_server() as server, machine() as other:
        for each in (server, other):
            path = Path(each.address.removeprefix("unix:"))
            paths.append(path)
            assert len(bytes(path)) <= limits.SHORT_UNIX_PATH
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            Client.connect(each.address).close()
    assert not [path for path in paths if path.parent.exists()]


def test_a_server_is_gone_after_the_block() -> None:
    before = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    with machine("-S") as server:
        assert Client.connect(server.address).execute("query-status")["status"] == "prelaunch"
    with pytest.raises(RuntimeError, match="isn't started"):
        server.address  # noqa: B018 - it raises
    assert set(threading.enumerate()) == before[0]
    with pytest.raises(RuntimeError, match="started before"):
        server.start()


def test_a_machine_that_cannot_start() -> None:
    with pytest.raises(StartError):
        MachineServer(["-bogus"])
    with pytest.raises(StartError, match="nowhere"), machine("-serial", "file:/nowhere/x"):
        pass


def test_an_error_of_the_block_has_the_mismatches_and_the_conversation() -> None:
    with pytest.raises(CommandError) as failed, pair() as both:
        both.server.on("stop")
        both.client.execute("stpo")
    mismatches, conversation = failed.value.__notes__
    assert mismatches.startswith("QMP mismatches:\nunexpected: stpo\n  nearest: stop (")
    assert "stpo" in conversation


def test_a_mismatch_has_the_conversation() -> None:
    with pytest.raises(ScriptMismatch, match="not met: stop") as failed, pair() as both:
        both.server.on("stop")
        assert both.client.greeting
    (note,) = failed.value.__notes__
    assert note.startswith("QMP conversation:\n@ opened\n<- {")


async def test_async_with(tmp_path: Path) -> None:
    recording = tmp_path / "vm.txt"
    recording.write_text('-> {"execute": "stop"}\n<- {"return": {}}\n')
    with pytest.raises(ScriptMismatch, match="never asked: stop"):
        async with replay(recording) as server:
            Client.connect(server.address).close()
    async with replay(recording, allow_unmet=True):
        pass


def test_a_recording_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "vm.txt"
    with scripted_server(allow_unmet=True) as server:
        server.on("stop").any_times()
        recorders = [RecordingServer(path, server.address) for _ in range(2)]
        for recorder in recorders:
            recorder.start()
            with Client.connect(recorder.address) as vm:
                vm.execute("stop")
            recorder.stop()
            assert '"execute":"stop"' in recorder.conversation
    assert not path.exists()
    recorders[-1].keep()
    assert path.read_text().count('"stop"') == 1


def test_the_sections_of_a_report() -> None:
    state = ItemState(watches_leaks=False)
    with ScriptedServer() as server, Client.connect(server.address):
        state.servers["qmp_server"] = server
        ((title, text),) = state.sections("call")
    assert title == "qmp conversation"
    assert text.startswith("@ opened\n<- ")
    state.servers["qmp_pair"] = server
    assert [title for title, _ in state.sections("call")] == [
        "qmp conversation of qmp_server",
        "qmp conversation of qmp_pair",
    ]


def test_a_report_is_bounded() -> None:
    lines = [f"-> {number}" for number in range(10_000)]
    text = newest("\n".join(lines) + "\n")
    first, *kept = text.splitlines()
    assert len(text) < limits.TESTING_CONVERSATION + 100
    assert kept[-1] == lines[-1]
    assert first == f"… {len(lines) - len(kept)} earlier lines"
    assert newest("a\n") == "a"
    found = mismatch_text(ScriptMismatch(tuple(map(str, range(30))), "unchecked")).splitlines()
    assert found == [*map(str, range(20)), "… and 10 more", "note: unchecked"]
