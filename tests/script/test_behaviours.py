"""Ready behaviours: a running machine, a screen, and how scripts build on them.

Modules: behaviours, machine_behaviour, screen_behaviour.
"""

from pathlib import Path

import pytest

from qmpeer import Client, CommandError, ConnectionClosed
from qmpeer.errors import ScriptMismatch
from qmpeer.schema import (
    BUILT_INS,
    CommandDefinition,
    EventDefinition,
    Member,
    Schema,
    StructDefinition,
)
from qmpeer.script import ScriptedServer
from tests.corpus import qapi_schema
from tests.patience import PATIENCE
from tests.script.behaving import behaving, lines


def test_a_machine_stops_and_goes_on() -> None:
    with behaving() as (server, client):
        machine = server.running_machine()
        assert client.execute("query-status")["status"] == "running"
        client.execute("stop")
        client.execute("stop")
        assert (machine.status, client.execute("query-status")["running"]) == ("paused", False)
        client.execute("system_reset")
        assert machine.status == "prelaunch"
        client.execute("cont")
        client.execute("cont")
    events = [each for each in lines(server) if each not in ("return", "error")]
    assert events == ["STOP", "RESET", "RESUME"]
    assert lines(server)[2:5] == ["STOP", "return", "return"], "an event comes before its reply"


def test_the_power_button() -> None:
    with behaving() as (server, client):
        server.running_machine()
        mark = client.event_mark()
        client.execute("system_powerdown")
        shutdown = client.wait_event("SHUTDOWN", since=mark, timeout=PATIENCE)
        assert shutdown.data == {"guest": True, "reason": "guest-shutdown"}
        with pytest.raises(ConnectionClosed):
            client.wait_event("RESUME", timeout=PATIENCE)
    assert lines(server)[-3:] == ["POWERDOWN", "return", "SHUTDOWN"]


def test_a_guest_that_ignores_the_power_button() -> None:
    with behaving() as (server, client):
        machine = server.running_machine(powerdown=None)
        client.execute("system_powerdown")
        assert client.execute("query-status")["status"] == machine.status == "running"


def test_a_guest_that_is_stopped_before_it_reacts() -> None:
    with behaving() as (server, client):
        machine = server.running_machine(powerdown=0.01)
        client.execute("system_powerdown")
        client.execute("quit")
        assert machine.status == "shutdown"
    assert lines(server).count("SHUTDOWN") == 1


def test_quit() -> None:
    with behaving() as (server, client):
        server.running_machine(status="paused")
        assert client.execute("quit") == {}
        with pytest.raises(ConnectionClosed):
            client.wait_event("STOP", timeout=PATIENCE)
    assert lines(server)[-2:] == ["SHUTDOWN", "return"], "as QEMU: the event first"


def test_rules_go_before_behaviours() -> None:
    with behaving() as (server, client):
        server.running_machine()
        server.on("stop").error("GenericError", "not now")
        with pytest.raises(CommandError, match="not now"):
            client.execute("stop")
        client.execute("cont")


def test_a_machine_of_another_release() -> None:
    old = qapi_schema("v2.12.0")
    with behaving(schema=old) as (server, client):
        server.running_machine()
        client.execute("system_reset")
        client.execute("quit")
    assert '"data": {"guest": false}' in server.conversation


def test_a_release_without_a_member() -> None:
    info = StructDefinition(
        name="Info", members=(Member("status", "str"), Member("running", "bool"))
    )
    entities = (
        CommandDefinition(name="query-status", returns="Info"),
        CommandDefinition(name="stop"),
        EventDefinition(name="STOP"),
    )
    with behaving(schema=Schema({**BUILT_INS, "Info": info}, entities)) as (server, client):
        server.running_machine()
        assert client.execute("query-status") == {"status": "running", "running": True}
        client.execute("stop")


def test_a_behaviour_that_says_what_a_release_lacks() -> None:
    entities = (CommandDefinition(name="stop"), CommandDefinition(name="query-status"))
    server = ScriptedServer(schema=Schema(BUILT_INS, entities)).start()
    server.running_machine()
    with Client.connect(server.address) as client:
        client.execute("stop")
        client.execute("query-status")
    server.stop()
    with pytest.raises(ScriptMismatch) as raised:
        server.verify()
    assert len(raised.value.mismatches) == 2
    assert "STOP" in raised.value.mismatches[0]
    assert "the schema has no event STOP" in raised.value.mismatches[0]
    assert "test_behaviours.py" in raised.value.mismatches[0]
    assert 'return.status: found "paused"' in raised.value.mismatches[1]


# --- A screen -----------------------------------------------------------------------------------


def test_a_screenshot_through_a_descriptor() -> None:
    with behaving() as (server, client):
        server.screen(size=(3, 2), color=(1, 2, 3))
        picture = client.screenshot()
        assert (picture.width, picture.height, picture.pixel(2, 1)) == (3, 2, (1, 2, 3))
        with pytest.raises(CommandError, match="No file descriptor supplied via SCM_RIGHTS"):
            client.execute("add-fd")
        with pytest.raises(CommandError, match="'fdset-id:7' not found"):
            client.execute("remove-fd", {"fdset-id": 7})
        with pytest.raises(CommandError, match="No such file or directory"):
            client.execute("screendump", {"filename": "/dev/fdset/7"})
    assert server.calls.names.count("remove-fd") == 2


def test_pictures_in_files(tmp_path: Path) -> None:
    with behaving() as (server, client):
        server.screen(seconds=0.01)
        client.execute("screendump", {"filename": str(tmp_path / "a.ppm")})
        assert (tmp_path / "a.ppm").read_bytes().startswith(b"P6\n64 48\n255\n")
        client.execute("screendump", {"filename": str(tmp_path / "a.png"), "format": "png"})
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
        with pytest.raises(CommandError, match="failed to open file '/nowhere/a'"):
            client.execute("screendump", {"filename": "/nowhere/a"})


def test_pictures_that_come_late_or_never(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    with behaving() as (server, client):
        server.screen(writes="never")
        client.execute("screendump", {"filename": str(path)})
        client.execute("query-version")
        assert not path.exists()
        server.screen(writes="late", seconds=0.05)
        client.execute("screendump", {"filename": str(path)})
        assert not path.exists()
        client.execute("screendump", {"filename": "/nowhere/a"})
        while not path.exists():
            client.execute("query-version")
        assert path.exists()


def test_a_behaviour_keeps_a_limited_number_of_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.SCRIPT_THINGS", 1)
    with behaving() as (server, client):
        server.hotplug()
        client.execute("device_add", {"driver": "e1000"})
        with pytest.raises(CommandError, match="found 1 things, expected fewer"):
            client.execute("device_add", {"driver": "e1000"})
