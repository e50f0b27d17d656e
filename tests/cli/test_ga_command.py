"""``qmpeer ga`` on a real guest agent, and on a fake one where the real one would do harm."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer.cli.ga_command import COMMAND
from qmpeer.cli.main import main
from tests.cli.conftest import HARMFUL
from tests.cli.fake_agent import FakeAgent
from tests.cli.programs import Ended, Start, at_terminal, run_here
from tests.machine.serving import QMPEER
from tests.patience import PATIENCE

MIB = 1 << 20
real = pytest.mark.real


def ga(*words: str, input: bytes = b"") -> Ended:
    return run_here("ga", *words, input=input)


@real
def test_ping(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", agent, "ping"]) == 0
    assert capsys.readouterr().out.startswith("answered in ")
    assert main(["ga", agent, "ping", "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["seconds"] < PATIENCE


@real
def test_info_and_status_and_call(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", agent, "info"]) == 0
    assert capsys.readouterr().out.startswith("guest agent ")
    assert main(["ga", agent, "status"]) == 0
    assert main(["ga", agent, "status", "--json"]) == 0
    assert capsys.readouterr().out == 'thawed\n{"file-systems": "thawed"}\n'
    assert main(["ga", agent, "call", "guest-sync", "id=77"]) == 0
    assert capsys.readouterr().out == "77\n"


@real
def test_a_program(agent: str) -> None:
    script = 'cat; echo "$NAME" >&2; exit 7'
    done = ga(agent, "exec", "-e", "NAME=x y", "sh", "-c", script, input=b"\0in\xff")
    assert done == (7, b"\0in\xff", b"x y\n")


@real
def test_a_program_with_an_output_of_1_mib(agent: str) -> None:
    done = ga(agent, "exec", "head", "-c", str(MIB), "/dev/zero")
    assert done == (0, bytes(MIB), b"")


@real
def test_a_program_that_a_signal_ends(agent: str) -> None:
    assert ga(agent, "exec", "sh", "-c", "kill -9 $$").status == 137


@real
def test_a_program_that_can_not_be_run(agent: str) -> None:
    done = ga(agent, "exec", "/nowhere/x")
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith(b"qmpeer ga: GenericError: ")


@real
def test_a_program_as_json(agent: str) -> None:
    done = ga(agent, "exec", "-n", "--json", "sh", "-c", r"printf '\377'; echo é >&2; exit 1")
    assert done.status == 1
    assert json.loads(done.out) == {
        "exit-code": 1,
        "signal": None,
        "stdout-base64": base64.b64encode(b"\xff").decode(),
        "stderr": "é\n",
        "truncated": False,
    }


@real
def test_a_program_that_lasts_too_long(agent: str) -> None:
    done = ga(agent, "exec", "-n", "--timeout", "1", "sh", "-c", "echo $$; exec sleep 60")
    assert done.status == 3
    reason, note = done.err.decode().splitlines()
    assert note.startswith("qmpeer ga: sh may still run in the guest, its pid is ")
    assert reason.startswith("qmpeer ga: sh hasn't ended in ")
    os.kill(int(note.split()[-1]), signal.SIGKILL)


@real
def test_what_would_steer_a_terminal(agent: str) -> None:
    shown = at_terminal("ga", agent, "exec", "printf", r"a\033[2Jb\tc\n")
    assert shown.lines == [r"a\u001b[2Jb        c"]
    assert b"\x1b" not in shown.raw


@pytest.mark.parametrize(
    ("words", "ours", "rest"),
    [
        (["ls", "-l"], [], ["ls", "-l"]),
        (["-n", "ls", "--", "-n"], ["no_input"], ["ls", "--", "-n"]),
        (["-e", "A=1", "--timeout", "3", "ls"], ["env", "timeout"], ["ls"]),
        (["--timeout=3", "--", "-x"], ["timeout"], ["-x"]),
        (["ls", "--json", "--monitor"], [], ["ls", "--json", "--monitor"]),
        ([], [], []),
    ],
)
def test_our_words_and_the_programs(words: list[str], ours: list[str], rest: list[str]) -> None:
    namespace = vars(COMMAND.verbs["exec"].read(words))
    assert namespace.pop("program_words") == rest
    assert sorted(name for name, value in namespace.items() if value) == ours


@real
def test_a_file_of_10_mib(agent: str, tmp_path: Path) -> None:
    data = os.urandom(10 * MIB)
    source, guest, back = (tmp_path / name for name in ("source", "guest", "back"))
    source.write_bytes(data)
    done = ga(agent, "put", str(source), str(guest))
    assert (done.status, done.out) == (0, f"{guest}: {len(data)} bytes\n".encode())
    assert guest.read_bytes() == data
    done = ga(agent, "get", str(guest), str(back), "--json")
    assert json.loads(done.out) == {"file": str(back), "size": len(data)}
    assert back.read_bytes() == data


@real
def test_files_by_way_of_standard_input_and_output(agent: str, tmp_path: Path) -> None:
    guest = str(tmp_path / "guest")
    assert ga(agent, "put", "-", guest, input=b"one").status == 0
    assert ga(agent, "put", "--append", "-", guest, input=b" two\x1b").status == 0
    assert ga(agent, "get", guest, "-").out == b"one two\x1b"
    assert at_terminal("ga", agent, "get", guest, "-").raw == rb"one two\u001b"


@real
def test_a_file_that_can_not_be_got_leaves_what_was_there(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("old")
    assert main(["ga", agent, "get", "/nowhere/x"]) == 1
    assert main(["ga", agent, "get", "/proc/self/mem", "x"]) == 1
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]
    assert main(["ga", agent, "get", "/etc/passwd"]) == 0
    assert (tmp_path / "passwd").read_bytes() == Path("/etc/passwd").read_bytes()
    assert main(["ga", agent, "get", "/etc/passwd", "/dev/null"]) == 0
    capsys.readouterr()
    assert main(["ga", agent, "get", "/etc/"]) == 2
    assert main(["ga", agent, "get", "/etc/passwd", "/nowhere/y"]) == 2
    assert main(["ga", agent, "put", "no-such-file", "/x"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "qmpeer ga: found '/etc/', expected the path of a file; see qmpeer ga --help",
        "qmpeer ga: /nowhere/y: No such file or directory",
        "qmpeer ga: no-such-file: No such file or directory",
    ]


@real
def test_an_agent_that_is_restarted(
    program: Callable[[str], str], start: Start, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "ga"
    options = ["-m", "unix-listen", "-p", str(path), "-t", str(tmp_path / "state"), "-b", HARMFUL]
    argv = [program("qemu-ga"), *options]
    first = start(argv, path)
    script = 'echo $$ >"$0"; exec sleep 60'
    with subprocess.Popen(
        [*QMPEER, "ga", str(path), "exec", "-n", "sh", "-c", script, str(tmp_path / "pid")],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        pid = tmp_path / "pid"
        while not pid.exists() or not pid.read_text():
            assert running.poll() is None
            os.sched_yield()
        first.kill()
        first.wait()
        path.unlink(missing_ok=True)
        _, err = running.communicate(timeout=PATIENCE)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert running.returncode == 3
    # Which of the two depends on whether the agent had answered that it runs.
    known = f"sh may still run in the guest, its pid is {pid.read_text().strip()}\n"
    unknown = "qmpeer ga: guest-exec was cut off, its outcome is unknown"
    assert err.endswith(known) or err.startswith(unknown)
    start(argv, path)
    assert ga(str(path), "ping").status == 0


@real
def test_by_way_of_the_machine(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", qemu, "ping", "--monitor"]) == 2
    assert "found no virtserialport called 'org.qemu.guest_agent.0'" in capsys.readouterr().err


# A fake agent


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeAgent]:
    answers: dict[str, Any] = {
        "guest-fsfreeze-freeze": 2,
        "guest-fsfreeze-freeze-list": 1,
        "guest-fsfreeze-thaw": 2,
        "guest-shutdown": None,
        "guest-suspend-disk": Exception("no swap"),
    }
    with FakeAgent(tmp_path / "ga", answers) as agent:
        yield agent


def test_freeze_and_thaw(fake: FakeAgent, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", fake.address, "freeze"]) == 0
    assert main(["ga", fake.address, "freeze", "/srv", "--json"]) == 0
    assert main(["ga", fake.address, "thaw"]) == 0
    assert capsys.readouterr().out == (
        'frozen 2 file systems\n{"frozen": 1}\nthawed 2 file systems\n'
    )
    assert fake.seen[1] == ("guest-fsfreeze-freeze-list", {"mountpoints": ["/srv"]})


@pytest.mark.parametrize(
    ("command", "status"),
    [(["true"], 0), (["sh", "-c", "exit 5"], 5), (["sh", "-c", "kill -9 $$"], 137), (["/no/x"], 2)],
)
def test_frozen_while_a_command_runs(fake: FakeAgent, command: list[str], status: int) -> None:
    assert main(["ga", fake.address, "freeze", "--", *command]) == status
    assert [name for name, _ in fake.seen] == ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]


def test_power(fake: FakeAgent, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", fake.address, "shutdown", "--reboot"]) == 0
    assert fake.seen[0] == ("guest-shutdown", {"mode": "reboot"})
    assert main(["ga", fake.address, "suspend", "disk"]) == 1
    assert capsys.readouterr() == ("", "qmpeer ga: GenericError: no swap\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "qmpeer ga: found no ADDRESS; see qmpeer ga --help"),
        (["x"], "qmpeer ga: found no verb after the address, expected one of ping, info, "),
        (["x", "nope"], "qmpeer ga: found 'nope', expected one of ping, info, "),
        (["x", "exec"], "qmpeer ga: found no PROGRAM; "),
        (["x", "exec", "-e", "A", "ls"], "qmpeer ga: found an --env without '='"),
        (["x", "get"], "qmpeer ga ADDRESS get: the following arguments are required: PATH"),
        (["x", "suspend", "now"], "qmpeer ga ADDRESS suspend: argument mode: invalid choice"),
        (["", "ping"], "qmpeer ga: found '', expected the path of a unix socket"),
    ],
    ids=" ".join,
)
def test_usage_errors(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(text)
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["x", "--help"], ["x", "exec", "-h"], ["get", "-h"]])
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", *words]) == 0
    assert capsys.readouterr().out.startswith("usage: qmpeer ga ADDRESS ")


def test_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ga", str(tmp_path / "nobody"), "ping"]) == 3
    err = capsys.readouterr().err
    assert err == f"qmpeer ga: unix:{tmp_path}/nobody: No such file or directory\n"
