"""``qmpeer exec --until``, and --wait-for-socket of the programs that connect.

Modules: exec_command, event_output, connecting.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from tests.cli.programs import run_here
from tests.cli.scripted_server import Scripted
from tests.machine.serving import QMPEER, Serving
from tests.patience import PATIENCE

SCHEMA = [{"name": name, "meta-type": "event"} for name in ("DONE", "FAILED")]
TIMESTAMP = {"seconds": 1, "microseconds": 2}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scripted]:
    def emits(*events: tuple[str, dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def answer(**_: Any) -> dict[str, Any]:
            for name, data in events:
                scripted.emit(name, data)
            return {}

        return answer

    answers = {
        "query-qmp-schema": SCHEMA,
        "query-status": {"running": False, "status": "paused"},
        "stop": {},
        "cont": emits(("RESUME", {})),
        "nothing": {},
        "device_del": emits(
            ("DEVICE_DELETED", {"path": "/machine/peripheral/other"}),
            ("DEVICE_DELETED", {"device": "d", "path": "/machine/peripheral/d"}),
        ),
        "refused": emits(("FAILED", {"id": "j", "error": "no space left"})),
        "many": emits(
            ("DONE", {"job": {"id": "a", "size": 4096}}), ("DONE", {"job": {"id": "b", "size": 1}})
        ),
    }
    with Scripted(tmp_path / "server", answers) as scripted:
        yield scripted


def test_the_event_goes_to_standard_output(server: Scripted) -> None:
    done = run_here("exec", server.address, "device_del", "id=d", "--until", "done")
    assert (done.status, done.err) == (0, b"")
    assert done.out.count(b"\n") == 1
    event = json.loads(done.out)
    assert event.pop("timestamp").keys() == TIMESTAMP.keys()
    data = {"device": "d", "path": "/machine/peripheral/d"}
    assert event == {"event": "DEVICE_DELETED", "data": data}


def test_an_event_by_its_name(server: Scripted) -> None:
    done = run_here("exec", server.address, "cont", "--until", "RESUME", "--pretty")
    assert done.status == 0
    assert done.out.count(b"\n") > 2
    assert json.loads(done.out)["event"] == "RESUME"
    assert "data" not in json.loads(done.out)


def test_null_for_an_effect_that_is_there(server: Scripted) -> None:
    assert run_here("exec", server.address, "stop", "--until", "done") == (0, b"null\n", b"")


@pytest.mark.parametrize(
    "match",
    [
        ["job.size=1"],
        ["job.size=1", "job.id=b"],
        ["job.id:=b"],
        ['{"job": {"size": 1}}'],
    ],
)
def test_match(server: Scripted, match: list[str]) -> None:
    words = [word for each in match for word in ("--match", each)]
    done = run_here("exec", server.address, "many", "--until", "DONE", *words)
    assert json.loads(done.out)["data"]["job"] == {"id": "b", "size": 1}


def test_a_failing_event(server: Scripted) -> None:
    words = ["--until", "DONE", "--failing", "OTHER", "--failing", "FAILED"]
    done = run_here("exec", server.address, "refused", *words)
    assert done.status == 2  # the server has no event OTHER
    assert done.err.startswith(b"qmpeer exec: found 'OTHER', expected an event of this server")
    done = run_here("exec", server.address, "refused", "--until", "DONE", "--failing", "FAILED")
    assert (done.status, done.out) == (1, b"")
    assert done.err.decode() == (
        "qmpeer exec: refused was accepted, but not completed: no space left: "
        'FAILED {"id": "j", "error": "no space left"}\n'
    )


def test_an_error_reply(server: Scripted) -> None:
    done = run_here("exec", server.address, "unknown", "--until", "DONE")
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith(b"qmpeer exec: CommandNotFound: no unknown")


def test_the_timeout_is_for_the_whole(server: Scripted) -> None:
    done = run_here("exec", server.address, "nothing", "--until", "DONE", "--timeout", "0.2")
    assert (done.status, done.out) == (3, b"")
    assert done.err.startswith(b"qmpeer exec: event DONE of nothing didn't come in 0.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nothing", "--until", "done"], "found --until done with nothing, expected the name of"),
        (["nothing", "--until", "DOEN"], "found 'DOEN', expected an event of this server (is it"),
        (["nothing", "--until", ""], "found an empty name, expected the name of an event"),
        (["nothing", "--match", "a=b"], "found --match without --until, which it needs"),
        (["nothing", "--failing", "DONE"], "found --failing without --until, which it needs"),
        (["x", "--until", "DONE", "--match", "a"], "expected name=value"),
        (["x", "--until", "DONE", "--no-negotiate"], "a guest agent sends no events"),
    ],
)
def test_what_is_wrong(server: Scripted, words: list[str], expected: str) -> None:
    done = run_here("exec", server.address, *words)
    assert (done.status, done.out) == (2, b"")
    assert expected in done.err.decode()
    assert "nothing" not in [name for name, _ in server.seen]


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "ADDRESS", "query-status"],
        ["events", "ADDRESS", "--count", "1", "RESUME"],
        ["shell", "ADDRESS", "-c", "query-status"],
    ],
    ids=["exec", "events", "shell"],
)
def test_a_server_that_does_not_listen_yet(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "later"
    argv = [path.as_posix() if word == "ADDRESS" else word for word in words]
    assert run_here(*argv).status == 3
    argv += ["--wait-for-socket", "--timeout", str(PATIENCE)]
    second = tmp_path / "second"
    with subprocess.Popen([*QMPEER, *argv], stdout=subprocess.PIPE) as process:
        with (
            Serving(path, "-qmp", f"unix:{second},server,nowait"),
            Client.connect(str(second), wait_for_socket=True) as client,
        ):
            while process.poll() is None:
                # Events are repeated: the program may not have subscribed yet.
                client.execute("stop")
                client.execute("cont")
        assert process.stdout is not None
        assert process.returncode == 0
        assert process.stdout.read()
