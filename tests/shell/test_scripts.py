"""Scripts: replies as JSON lines, errors on the other stream, and exit statuses.

Most run in this process; pipes and the exit status are tried on processes.
"""

import asyncio
import errno
import io
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.shell.builtins import split
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.execution import LineExecutor
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.script import Piece, ScriptScreen, run_script, stream_pieces
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from tests.cli.programs import run_here
from tests.growth import assert_linear
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.shell.real_servers import ENVIRONMENT, OURS, SHELL, listening, running


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with listening(OURS, tmp_path_factory.mktemp("ours") / "qmp") as path:
        yield path


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Path]:
    command = program(QEMU)
    with listening((command, *BASE), tmp_path_factory.mktemp("qemu") / "qmp") as path:
        yield path


@pytest.fixture(params=["ours", pytest.param("qemu", marks=pytest.mark.real)])
def server(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def script(path: object, *words: str, stdin: str = "", **more: str) -> tuple[int, str, str]:
    done = run_here("shell", str(path), *words, input=stdin.encode(), **more)
    return done.status, done.out.decode(), done.err.decode()


def test_standard_input(server: Path) -> None:
    status, out, err = script(server, stdin="query-status\n\n# done\nquery-name")

    assert (status, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()][1] == {}
    assert json.loads(out.splitlines()[0])["status"] in ("running", "prelaunch")


def test_jq(server: Path, program: Callable[[str], str]) -> None:
    program("jq")
    shell = " ".join(SHELL)
    line = f"echo query-kvm | {shell} {server} | jq -r .present"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=ENVIRONMENT)

    assert done.stdout in ("true\n", "false\n")
    assert done.stderr == ""


def test_commands_of_the_command_line(server: Path) -> None:
    status, out, err = script(server, "-c", "stop", "-c", "wait 5 STOP", "-c", "cont", "-c",
                              'query-version {} # "')  # fmt: skip

    assert (status, err) == (0, "")
    stop, event, cont, version = map(json.loads, out.splitlines())
    assert (stop, event["event"], cont) == ({}, "STOP", {})
    assert version["qemu"]["major"] >= 7


def test_a_byte_order_mark_is_passed_over(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text("\ufeffquery-name\n", encoding="utf-8")

    assert script(server, "-f", str(file)) == (0, "{}\n", "")
    assert script(server, "-c", f"source {file}") == (0, "{}\n", "")
    assert script(server, stdin="\ufeffquery-name\n") == (0, "{}\n", "")


def test_a_file_and_several_lines(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text('{"execute":\n  "query-name"\n}\nexecute \\\n query-name\n')

    assert script(server, "-f", str(file)) == (0, "{}\n{}\n", "")


COMPLAINTS = [
    ("query-name\nblockdev-del node-name=nope\nquery-name\n", 1, """\
qmp-shell: stdin:2: GenericError: Failed to find node with node-name='nope'
    blockdev-del node-name=nope
                           ^^^^
"""),
    ("query-name\n\nblockdev-del nod=x", 1, """\
qmp-shell: stdin:3: Parameter 'nod' is unexpected; did you mean node-name?
    blockdev-del nod=x
                 ^^^
"""),
    ("query-name\nquery-naem", 1, """\
qmp-shell: stdin:2: The command query-naem has not been found; did you mean """),
    ("query-name\nstop 'x\n", 2, """\
qmp-shell: stdin:2: the quote ' isn't closed
    stop 'x
         ^^
"""),
    ("query-name\n\n {", 2, """\
qmp-shell: stdin:3: a bracket isn't closed
     {
     ^
"""),
    ("query-name\ntransaction(\n abort\n", 2, """\
qmp-shell: stdin:2: a bracket isn't closed
    transaction(
    ^^^^^^^^^^^^
"""),
    ("query-name\ntransaction(\n abort x=[1\n", 2, """\
qmp-shell: stdin:2: a bracket isn't closed
     abort x=[1
             ^
"""),
    ("query-name\nevents [\nquery-name\n", 2, """\
qmp-shell: stdin:2: invalid regular expression: unterminated character set at position 0
    events [
           ^
"""),
    ("query-name\nwait 2 id=1\n", 2, """\
qmp-shell: stdin:2: expected the name of an event first
    wait 2 id=1
           ^^^^
"""),
    ("query-name\nwait -1 STOP\n", 2, """\
qmp-shell: stdin:2: expected seconds, 0 or more
    wait -1 STOP
         ^^
"""),
    ("query-name\nwait STPO\n", 1, """\
qmp-shell: stdin:2: there is no event STPO; did you mean STOP?
    wait STPO
         ^^^^
"""),
    ("query-name\nwait NOPE\n", 1, """\
qmp-shell: stdin:2: there is no event NOPE; 'help' lists the events
    wait NOPE
         ^^^^
"""),
    ('query-name\n{"execute": 1}', 2,
     "qmp-shell: stdin:2: QMP input member 'execute' must be a string\n"),
    ("query-name\nsource /nonexistent\n", 2,
     "qmp-shell: stdin:2: /nonexistent: No such file or directory\n"),
    ("query-name\nwait 0 STOP\n", 3, "qmp-shell: stdin:2: event STOP didn't come in 0 s\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stdin", "status", "error_report"), COMPLAINTS, ids=[text for text, _, _ in COMPLAINTS]
)
def test_the_first_error_ends_it(server: Path, stdin: str, status: int, error_report: str) -> None:
    found = script(server, stdin=stdin)

    assert found[:2] == (status, "{}\n")
    assert found[2].startswith(error_report)


@pytest.mark.parametrize("setting", ["output table", "output json", "timing on", "pager off"])
def test_settings_that_change_nothing_are_told(server: Path, setting: str) -> None:
    status, out, err = script(server, stdin=f"set {setting}\nset timeout 50\nquery-name\n")

    assert (status, out) == (0, "{}\n")
    name = setting.partition(" ")[0]
    assert err.startswith(f"qmp-shell: set {name} changes nothing in a script: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "hint"),
    [("foo", "; 'help' lists the commands"), ("query-kmv", "; did you mean query-kvm"),
     ("qiut", "; did you mean quit?"), ("hlep", "; did you mean help?")],
)  # fmt: skip
def test_names_that_are_offered_are_alike(server: Path, word: str, hint: str) -> None:
    status, _, err = script(server, stdin=f"{word} x=1\n")

    assert status == 1
    assert f"The command {word} has not been found{hint}" in err


def test_or_not(server: Path) -> None:
    status, out, err = script(server, "--keep-going", stdin="nothing\nquery-name\nstop 'x")

    assert (status, out) == (1, "{}\n")
    assert "stdin:1" in err
    assert "stdin:3" in err


def test_a_command_that_fails_names_its_number(server: Path) -> None:
    status, out, err = script(server, "-c", "query-name", "-c", "nothing")

    assert (status, out) == (1, "{}\n")
    assert err.startswith("qmp-shell: command 2: The command nothing has not been found")


def test_events_and_help(server: Path) -> None:
    status, out, _ = script(server, stdin="events on\nstop\ncont\nevents off\nhelp query-name\n")

    assert status == 0
    assert [json.loads(line).get("event") for line in out.splitlines()[:4]] == [
        "STOP", None, "RESUME", None,
    ]  # fmt: skip
    assert "command query-name" in out


def test_exit_ends_it(server: Path) -> None:
    assert script(server, stdin="query-name\nexit\nnothing\n") == (0, "{}\n", "")


def test_source_names_both_lines(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "inner"
    file.write_text("query-name\nnothing x=1\n")

    status, out, err = script(server, stdin=f"\nsource {file}\n")

    assert (status, out) == (1, "{}\n")
    assert err.startswith(f"qmp-shell: stdin:2: {file}:2: The command nothing has not been found")
    assert "    nothing x=1\n    ^^^^^^^\n" in err


def test_a_transaction(server: Path) -> None:
    text = "transaction(\n abort\n)\n"
    status, _, err = script(server, stdin=text)

    assert status == 1
    assert err.startswith("qmp-shell: stdin:1: ")


def test_the_server_leaves(tmp_path: Path, program: Callable[[str], str]) -> None:
    with listening(OURS, tmp_path / "qmp") as path:
        status, out, err = script(path, stdin="quit\nquery-name\n")

    assert (status, out.splitlines()[0]) == (3, "{}")
    assert "stdin:2: " in err


@pytest.mark.real
def test_an_event_is_found_after_the_server_has_left(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    with listening((program(QEMU), *BASE), tmp_path / "qmp") as path:
        status, out, err = script(path, stdin="quit\nwait 60 SHUTDOWN\nwait 60 STOP\n")

    assert (status, json.loads(out.splitlines()[1])["event"]) == (3, "SHUTDOWN")
    assert "stdin:3: " in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["/nonexistent/x"], "qmp-shell: unix:/nonexistent/x: No such file or directory\n"),
        (["x:y:z", "--nothing"], "qmpeer shell: unrecognized arguments: --nothing"),
        (["x:y:z", "query-name", "a=b c"],
         "qmpeer shell: found 'query-name' after ADDRESS, expected -c 'query-name a=b c'; see"),
        ([""], "qmpeer shell: found no ADDRESS, expected one, or QMP_SOCKET in the environment"),
    ],
)  # fmt: skip
def test_nobody_there(words: list[str], text: str) -> None:
    status, out, err = script(*words)

    assert status == (3 if "nonexistent" in words[0] else 2)
    assert out == ""
    assert err.startswith(text)


def test_the_address_may_stand_in_the_environment(ours: Path) -> None:
    done = run_here("shell", "-c", "query-name", QMP_SOCKET=str(ours))

    assert done == (0, b"{}\n", b"")


def test_a_process_ends_with_the_status(ours: Path) -> None:
    argv = [*SHELL, str(ours)]
    done = subprocess.run(
        argv, input="query-name\nnothing\n", capture_output=True, text=True, env=ENVIRONMENT
    )

    assert (done.returncode, done.stdout) == (1, "{}\n")
    assert done.stderr.startswith("qmp-shell: stdin:2: The command nothing has not been found")


def test_statements_are_executed_as_they_come(ours: Path) -> None:
    with subprocess.Popen(
        [*SHELL, str(ours)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in ("query-name\n", "query-name {\n}\n"):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline() == "{}\n"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_nobody_reads(ours: Path) -> None:
    line = f"yes query-name | head -2000 | {' '.join(SHELL)} {ours} | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=ENVIRONMENT)

    assert (done.stdout, done.stderr) == ("{}\n", "")


def test_the_socket_is_left_alone(server: Path) -> None:
    before = os.stat(server).st_ino

    script(server, "-l", "log")
    script(server, "-c", "query-name")

    assert os.stat(server).st_ino == before


@pytest.mark.real
def test_the_human_monitor(qemu: Path) -> None:
    status, out, _ = script(qemu, "-H", "-c", "info status", "-c", "info name")
    assert status == 0
    assert json.loads(out.splitlines()[0]).startswith("VM status: ")
    assert script(qemu, "-c", "hmp info status")[1] == out.splitlines()[0] + "\n"


@pytest.mark.real
def test_the_storage_daemon(tmp_path: Path, program: Callable[[str], str]) -> None:

    path = tmp_path / "qmp"
    argv = [
        program("qemu-storage-daemon"),
        "--chardev", f"socket,id=c,path={path},server=on,wait=off", "--monitor", "chardev=c",
    ]  # fmt: skip
    with running(argv, path):
        status, out, err = script(path, stdin="blockdev-add driver=null-co node-name=n size=1M\n"
                                  "query-named-block-nodes\n")  # fmt: skip
    assert (status, err) == (0, "")
    assert json.loads(out.splitlines()[1])[0]["node-name"] == "n"


@pytest.mark.real
def test_the_guest_agent(tmp_path: Path, program: Callable[[str], str]) -> None:

    path = tmp_path / "qga"
    argv = [program("qemu-ga"), "-m", "unix-listen", "-p", str(path), "-t", str(tmp_path)]
    with running(argv, path):
        status, out, err = script(
            path, "--no-negotiate", stdin="guest-ping\nguest-sync id=5\nguest-pnig\n"
        )
    assert (status, out.splitlines()) == (1, ["{}", "5"])
    assert "did you mean guest-ping" in err


WRONG = [
    ("set_password {protocol=vnc pasword=hunter2}", "hunter2"),
    ("set_password protocol=vnc password='hunter2", "hunter2"),
    ("set_password protocol=vnc password=hunter2 x", "hunter2"),
    ("set_password vnc hunter2", "hunter2"),
    ("nonesuch password=hunter2", "hunter2"),
    ("object-add qom-type=secret id=s data=hunter2 x=1", "hunter2"),
    ("chardev-change id=none backend={'type': 'null', 'password': 'hunter2'}", "hunter2"),
    ("transaction(\n nonesuch password=hunter2\n)", "hunter2"),
    ('{"execute": "set_password", "argments": {"password": "hunter2"}}', "hunter2"),
    ("blockdev-add driver=https url=https://me:hunter2@[", "hunter2"),
]


@pytest.mark.parametrize(("line", "secret"), WRONG, ids=[line for line, _ in WRONG])
def test_a_wrong_line_is_shown_without_its_secrets(
    server: Path, line: str, secret: str, tmp_path: Path
) -> None:
    file = tmp_path / "script"
    file.write_text(f"query-name\n{line}\n")
    for words, stdin in (
        (("-c", line), ""),
        ((), line),
        (("-f", str(file)), ""),
        (("-c", f"source {file}"), ""),
    ):
        status, _, err = script(server, *words, stdin=stdin)
        assert status in (1, 2)
        assert secret not in err
        assert err.startswith("qmp-shell: ")


def test_a_recording_is_private(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "record"
    file.write_text("old\n")
    file.chmod(0o644)

    assert script(server, "-c", f"record {file}", "-c", "query-name") == (0, "{}\n", "")

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("old\n-> ")


def test_a_recording_that_cannot_be_made_private_is_refused(
    server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    file = tmp_path / "record"
    file.write_text("")
    file.chmod(0o644)
    monkeypatch.setattr(os, "fchmod", refuse)

    status, _, err = script(server, "-c", f"record {file}", "-c", "query-name")

    assert status == 2
    assert "others may read it: Operation not permitted" in err
    assert file.read_text() == ""


def test_recording_does_not_wait_for_a_reader(server: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert script(server, "-c", f"record {tmp_path}/fifo")[0] == 2


@pytest.mark.parametrize("how", ["-f", "source"])
def test_a_fifo_into_which_nobody_writes(
    server: Path, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHELL_SOURCE_SILENCE", 0.1)
    os.mkfifo(path := tmp_path / "fifo")
    words = ("-f", str(path)) if how == "-f" else ("-c", f"source {path}")

    status, _, err = script(server, *words)

    assert (status, err.endswith(f"{path}: no data for 0.1 seconds\n")) == (2, True)


@pytest.mark.parametrize("rest", ["", "query-name\n" * 20_000])
def test_a_fifo_is_read_to_its_end(server: Path, rest: str, tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "fifo")
    writer = threading.Thread(target=lambda: path.write_text(f"exit\n{rest}"))
    writer.start()

    assert script(server, "-f", str(path)) == (0, "", "")
    writer.join(PATIENCE)


def test_a_folder_is_no_script(server: Path, tmp_path: Path) -> None:
    status, _, err = script(server, "-f", str(tmp_path))
    assert (status, err) == (2, f"qmpeer shell: {tmp_path}: Is a directory\n")


@pytest.mark.parametrize(
    ("text", "status"), [("exit\n", 0), ("query-name\nnonesuch\n", 1), ("'\n", 2), ("", 130)]
)
@pytest.mark.parametrize("is_blocking", [True, False], ids=["blocking", "non-blocking"])
def test_it_ends_while_standard_input_is_open(
    server: Path, text: str, status: int, is_blocking: bool
) -> None:
    ours, its = os.pipe()
    os.set_blocking(ours, is_blocking)
    process = subprocess.Popen(
        [*SHELL, str(server)], stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        os.write(its, text.encode() or b"query-name\n")
        if not text:
            assert process.stdout is not None
            assert process.stdout.readline() == b"{}\n"
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == status, err
        assert b"Fatal" not in err
        assert b"Traceback" not in err
    finally:
        process.kill()
        os.close(ours)
        os.close(its)


def test_a_long_line_in_pieces(server: Path) -> None:
    """A pipe delivers data in pieces that don't end at line breaks."""
    text = "query-name # " + "x" * 300_000 + "\r\nquery-name\n" * 3 + "query-name"
    done = subprocess.run(
        [*SHELL, str(server)], input=text.encode(), capture_output=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"{}\n" * 5, b"")


def pieces(text: str) -> list[str]:
    async def given() -> list[str]:
        return [piece.text async for piece in stream_pieces(io.BytesIO(text.encode()))]

    return asyncio.run(given())


@pytest.mark.parametrize(
    ("open_lines", "rest"),
    [
        ("a {\n# }\n'}': [\n]\n", "} b=[]\n"),
        ("a b=[{\n\n", "}]\n"),
        ("a \\\n b=[\n] \\\n", "c\n"),
        ("a \\\r\n", " b=1\r\n"),
        ("transaction(\n a b={\n} c=1\n a cancel\n a \\\n", "cancel\n)\n"),
        ("transaction(\n a\n", "cancel\n"),
        ("events [ \\\n", "{ [\n"),
        ("hmp info \\\n", "stop\n"),
    ],
)
def test_lines_wait_for_the_end_of_their_statement(open_lines: str, rest: str) -> None:
    assert pieces(f"stop\n{open_lines}{rest}cont\n") == ["stop\n", open_lines + rest, "cont\n"]


TOKENS = [
    *"a=;{}[]()#'!\\ \n",
    "\\\n",
    "\\\r\n",
    "'}'",
    "transaction(",
    "\ncancel",
    "events ",
    "hmp ",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_pieces_divide_as_the_whole_text(text: str) -> None:
    found = pieces(text)

    assert "".join(found) == text
    alone = [statement for piece in found for statement in split(piece)]
    assert [[word.value.text for word in each.words] for each in alone] == [
        [word.value.text for word in each.words] for each in split(text)
    ]


@pytest.mark.parametrize("head", ["transaction(\n", "a", "a {\n", "a b=1 \\\nc="])
@pytest.mark.parametrize("line", [" a b=1\n", " b=1 \\\n", "'}',\n"])
def test_many_lines_of_one_statement_take_no_long_time(head: str, line: str) -> None:
    assert_linear(lambda count: pieces(head + line * count), 1600)


def test_lines_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Text(str):
        looked_at = 0

        def count(self, part: str, start: Any = 0, end: Any = None) -> int:
            self.looked_at += len(self[start:end])
            return super().count(part, start, end)

    async def given() -> AsyncIterator[Piece]:
        yield Piece(text, "file", 1)

    monkeypatch.setattr(ShellConnection, "is_connected", True)
    text, told = Text("stop 'x\n" * 100), io.StringIO()
    screen = ScriptScreen(io.BytesIO(), told)
    session = Session(ShellConnection("nowhere"), screen, Settings())
    asyncio.run(run_script(session, screen, given(), keep_going=True))

    places = re.findall(r"file:(\d+): the quote", told.getvalue())
    assert places == [str(number) for number in range(1, 101)]
    assert 0 < text.looked_at <= len(text)


def test_an_error_that_names_much_takes_no_long_time() -> None:
    def run(count: int) -> None:
        (statement,) = split("x " + " ".join(f"a.b{number}=c" for number in range(count)))
        desc = " ".join(f"'{number}'" for number in range(count)) + f" 'b{count - 1}'"
        session = Session(ShellConnection("nowhere"), ScriptScreen(io.BytesIO(), None), Settings())
        first, *words = statement.words
        refused = CommandError("GenericError", desc)
        error = asyncio.run(LineExecutor(session)._placed(refused, first, words))
        assert isinstance(error, InputError)
        assert error.start == statement.words[-1].start

    assert_linear(run, 4000)
